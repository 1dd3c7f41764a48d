/**
 * The Secret that a pod's Envoy starts from (platform spec 3.8, dataplane spec 7.1).
 *
 * It has no owner yet, since the pod does not exist yet: one is added when it does, and without one it is swept.
 *
 * @module
 */
import { type ProxyIdentity, proxyCommonName } from "../base/identity.ts";
import { Redacted } from "../base/redacted.ts";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../envoy/bootstrap.ts";
import { type MeshConfig, tlsOf } from "../model/mesh-config.ts";
import { PROXY_UUID_LABEL } from "../model/pod.ts";
import { ADMIN_PORT, BOOTSTRAP_DIRECTORY, bootstrapSecretName, XDS_PORT } from "./names.ts";
import type { SidecarStart } from "./outcome.ts";
import type { InjectSettings } from "./settings.ts";

/** What a proxy shows to the control plane, in PEM. */
export interface ProxyCredential {
  readonly chain: string;
  readonly key: Redacted<string>;
  /** Whom it trusts. */
  readonly roots: string;
  /** Under whom it was issued, so that it is renewed when that changes. */
  readonly issuerId: string;
}

export interface BootstrapSecret {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Texts by key; the proxy's private key is one of them. */
  readonly data: Redacted<Readonly<Record<string, string>>>;
}

/** What of the Secret's data changes with the roots. */
export const BOOTSTRAP_KEYS = {
  roots: BOOTSTRAP_FILES.roots,
  certificate: BOOTSTRAP_FILES.certificate,
  key: BOOTSTRAP_FILES.key,
  signing: "signing_issuer_id",
  validating: "validating_issuer_id",
} as const;

export interface BootstrapQuestion {
  readonly proxy: ProxyIdentity;
  readonly credential: ProxyCredential;
  readonly start: SidecarStart;
  readonly mesh: MeshConfig;
  readonly settings: InjectSettings;
}

export function buildBootstrapSecret(question: BootstrapQuestion): BootstrapSecret {
  const { proxy, credential, settings } = question;
  const { chain, key, roots, issuerId } = credential;
  return {
    namespace: proxy.serviceAccount.namespace,
    name: bootstrapSecretName(proxy.uuid),
    labels: {
      "app.kubernetes.io/name": "openservicemesh.io",
      "app.kubernetes.io/instance": settings.meshName,
      "app.kubernetes.io/version": settings.version,
      [PROXY_UUID_LABEL]: proxy.uuid,
    },
    data: new Redacted({
      ...bootstrapFiles(question),
      [BOOTSTRAP_KEYS.roots]: roots,
      [BOOTSTRAP_KEYS.certificate]: chain,
      [BOOTSTRAP_KEYS.key]: key.reveal(),
      [BOOTSTRAP_KEYS.signing]: issuerId,
      [BOOTSTRAP_KEYS.validating]: issuerId,
    }),
  };
}

function bootstrapFiles({ proxy, start, mesh, settings }: BootstrapQuestion): Readonly<Record<string, string>> {
  return buildBootstrapFiles({
    nodeId: proxyCommonName(proxy, settings.trustDomain),
    cluster: `${proxy.serviceAccount.name}.${proxy.serviceAccount.namespace}`,
    xds: { host: settings.controllerHost, port: XDS_PORT, serverName: `ads.${settings.trustDomain}` },
    adminPort: ADMIN_PORT,
    tls: tlsOf(mesh),
    protocol: "delta",
    directory: BOOTSTRAP_DIRECTORY,
    probes: start.probes,
    waitForConfiguration: start.native,
  });
}

/** As the API server takes it. The result holds the private key: send it and forget it. */
export function secretManifest({ namespace, name, labels, data }: BootstrapSecret): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels },
    type: "Opaque",
    stringData: data.reveal(),
  };
}
