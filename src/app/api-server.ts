/**
 * The server of the HTTP API in a cluster: rights are Kubernetes'.
 *
 * @module
 */
import { parseCertificate, splitChain } from "../ca/pki.ts";
import type { Millis } from "../core/base/millis.ts";
import { apiRoutes } from "../http/api/api.ts";
import { type CertificateInventory, meshViewOf, type ReplicaState } from "../http/api/mesh-view.ts";
import { kubernetesAuthorizer } from "../http/kubernetes-authorizer.ts";
import { startHttpServer } from "../platform/http-server.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { KubernetesSource } from "../sources/kubernetes/source.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ListenAddress } from "./cluster-controller.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { BuildInfo } from "./version.ts";

const GRACE: Millis = 5000;

export interface ApiServerOptions {
  readonly address: ListenAddress;
  readonly client: KubernetesClient;
  readonly plane: ControlPlane;
  readonly source: KubernetesSource;
  readonly replicas: () => readonly ReplicaState[];
  readonly version: BuildInfo;
  readonly log: Logger;
}

/** Returns how to stop it. */
export async function serveApi(options: ApiServerOptions): Promise<() => Promise<void>> {
  const { address, client, plane, source, replicas, version, log } = options;
  const onError = (error: unknown) => log.error("an API request could not be answered", { error: String(error) });
  const mesh = meshViewOf(plane.engine, {
    version,
    replicas,
    sources: () => source.status(),
    certificates: () => inventoryOf(plane),
  });
  const authorizer = kubernetesAuthorizer({ post: (path, body) => client.request({ method: "POST", path, body }) });
  const app = apiRoutes({ mesh, authorizer, hosts: ["osm-controller"], onError });
  const server = await startHttpServer({ fetch: (request) => app.fetch(request), listen: address, onError });
  return () => server.stop(GRACE);
}

async function inventoryOf({ authority, leaves, engine }: ControlPlane): Promise<CertificateInventory> {
  const roots = await Promise.all(authority.trustBundle().map((pem) => parseCertificate(pem, "the root")));
  const accounts = new Map(
    engine.proxies().map(({ namespace, serviceAccount: name }) => [`${namespace}/${name}`, { namespace, name }]),
  );
  const held = [...accounts.values()].flatMap((serviceAccount) => {
    const leaf = leaves.current(serviceAccount);
    return leaf === undefined ? [] : [{ serviceAccount, leaf }];
  });
  return {
    roots: roots.map((facts) => ({ facts, signing: facts.fingerprint === authority.issuerId })),
    leaves: await Promise.all(
      held.map(async ({ serviceAccount, leaf }) => ({
        serviceAccount,
        facts: await parseCertificate(splitChain(leaf.chain, "a leaf")[0], "a leaf"),
        root: leaf.issuerId,
      })),
    ),
  };
}
