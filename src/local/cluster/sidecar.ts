/**
 * What a meshed pod's sidecar starts with: bootstrap files and redirection, from the pod and the MeshConfig in force.
 *
 * @module
 */
import { type ProxyIdentity, proxyCommonName } from "../../core/base/identity.ts";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../../core/envoy/bootstrap.ts";
import { readExclusions } from "../../core/inject/exclusions.ts";
import { buildRedirection } from "../../core/inject/redirection.ts";
import { type MeshConfig, tlsOf } from "../../core/model/mesh-config.ts";
import { ENVOY_UID } from "../runtime/ports.ts";
import type { PodFacts } from "./environment.ts";
import type { SidecarPlan } from "./pod-containers.ts";
import { MESH_NAMESPACE, type PodCredential, XDS_ADDRESS } from "./ports.ts";

/** The control plane's name inside pods. */
export const CONTROLLER_NAME = "osm-controller";
const CONTROLLER_HOST = `${CONTROLLER_NAME}.${MESH_NAMESPACE}.svc.cluster.local`;
const ADMIN_PORT = 15000;

export interface SidecarQuestion {
  readonly facts: PodFacts;
  readonly proxy: ProxyIdentity;
  readonly credential: PodCredential;
  readonly config: MeshConfig;
  /** Where the pod sees its files. */
  readonly directory: string;
}

/** @throws RangeError if an annotation of the pod holds something else than ports or IPv4 ranges. */
export function buildSidecarPlan({ facts, proxy, credential, config, directory }: SidecarQuestion): SidecarPlan {
  const { sidecar } = config;
  const serviceCluster = `${facts.serviceAccount}.${facts.namespace}`;
  const files = buildBootstrapFiles({
    nodeId: proxyCommonName(proxy, credential.trustDomain),
    cluster: serviceCluster,
    xds: { host: CONTROLLER_HOST, port: XDS_ADDRESS.port, serverName: `ads.${credential.trustDomain}` },
    adminPort: ADMIN_PORT,
    tls: tlsOf(config),
    protocol: "delta",
    directory,
  });
  return {
    files: { ...files, ...credentialFiles(credential) },
    redirection: redirectionOf(facts, config),
    serviceCluster,
    logLevel: sidecar.logLevel,
  };
}

/** What is replaced when roots come and go. Holds the private key: write it and forget it. */
export function credentialFiles({ root, chain, key }: PodCredential): Readonly<Record<string, string>> {
  return {
    [BOOTSTRAP_FILES.roots]: root,
    [BOOTSTRAP_FILES.certificate]: chain,
    [BOOTSTRAP_FILES.key]: key.reveal(),
  };
}

function redirectionOf({ annotations, ip }: PodFacts, config: MeshConfig): string {
  const { lists, problems } = readExclusions(annotations, config);
  if (problems.length > 0) throw new RangeError(problems.join("; "));
  return buildRedirection({
    ...lists,
    proxyUid: ENVOY_UID,
    ...(config.sidecar.localProxyMode === "PodIP" ? { podIp: ip } : {}),
  });
}
