/**
 * The server of the HTTP API in a cluster: rights are Kubernetes'.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { Hono } from "hono";
import { createInventory } from "../ca/inventory.ts";
import { type RootLevers, rootLevers } from "../cluster/root-levers.ts";
import type { Millis } from "../core/base/millis.ts";
import type { AuditRecord } from "../http/api/action.ts";
import { apiRoutes } from "../http/api/api.ts";
import { meshViewOf, type ReplicaState } from "../http/api/mesh-view.ts";
import { kubernetesAuthorizer } from "../http/kubernetes-authorizer.ts";
import { observeAnswers } from "../http/observe.ts";
import { startHttpServer } from "../platform/http-server.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { KubernetesSource } from "../sources/kubernetes/source.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ListenAddress, ServerHandle } from "./cluster-options.ts";
import type { ControlPlane } from "./control-plane.ts";
import { meshRootsIn } from "./leading.ts";
import { rotationLevers } from "./rotation-levers.ts";
import type { BuildInfo } from "./version.ts";

const GRACE: Millis = 5000;

export interface ApiServerOptions {
  readonly address: ListenAddress;
  readonly meshNamespace: string;
  readonly client: KubernetesClient;
  readonly plane: ControlPlane;
  readonly source: KubernetesSource;
  readonly replicas: () => readonly ReplicaState[];
  readonly version: BuildInfo;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Rejects where the address cannot be had. */
export async function serveApi(options: ApiServerOptions): Promise<ServerHandle> {
  const { address, meshNamespace, client, plane, source, replicas, version, log, metrics } = options;
  const onError = (error: unknown) => log.error("an API request could not be answered", { error: String(error) });
  const onAction = (record: AuditRecord) => log.info("audit", { ...record });
  const mesh = meshViewOf(plane.engine, {
    version,
    replicas,
    sources: () => source.status(),
    certificates: createInventory(plane),
    rotation: rotationLevers(plane.rotation, rootsOf(options)),
  });
  const authorizer = kubernetesAuthorizer({ post: (path, body) => client.request({ method: "POST", path, body }) });
  const app = new Hono()
    .use(observeAnswers((answered) => metrics.httpAnswered(answered)))
    .route("/", apiRoutes({ mesh, authorizer, hosts: hostsOf(meshNamespace), onError, onAction }));
  const server = await startHttpServer({ fetch: (request) => app.fetch(request), listen: address, onError });
  return { drain: () => server.drain(), stop: () => server.stop(GRACE) };
}

function rootsOf({ client, plane, meshNamespace: namespace }: ApiServerOptions): RootLevers {
  return rootLevers({
    client,
    namespace,
    rotator: plane.rotation.rotator,
    byRoles: () => meshRootsIn(plane, namespace) !== undefined,
    now: () => Date.now(),
    pause: (time) => delay(time),
  });
}

/** The names of the Service, as a pod may spell them. */
function hostsOf(namespace: string): readonly string[] {
  return ["", `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`].map(
    (rest) => `osm-controller${rest}`,
  );
}
