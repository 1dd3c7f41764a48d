/**
 * `osm controller`: the control plane of a cluster, inside it or outside.
 *
 * 1. Root of trust and MeshConfig are read, or made.
 * 2. Health answers; the source is followed; once all is read and compiled, proxies and webhooks are served.
 * 3. One replica leads and does the chores.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { webhookConfigurations } from "../cluster/ca-bundle.ts";
import { doChores } from "../cluster/chores.ts";
import { presetMeshConfig } from "../cluster/mesh-config-preset.ts";
import { openRootSecret } from "../cluster/root-secret.ts";
import type { Millis } from "../core/base/millis.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import { judgeHealth } from "../http/readiness.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { runWhileLeader } from "../sources/kubernetes/lease.ts";
import { KubernetesSource } from "../sources/kubernetes/source.ts";
import { createLogger, type Logger } from "../telemetry/logger.ts";
import { serveAdmission } from "./admission-server.ts";
import { serveApi } from "./api-server.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";
import { serveHealth } from "./health-server.ts";
import type { Images } from "./images.ts";
import { metricsOf } from "./metrics.ts";
import type { BuildInfo } from "./version.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ClusterOptions {
  readonly settings: MeshSettings;
  /** undefined: the usual places, then the pod's own service account. */
  readonly kubeconfig: string | undefined;
  readonly listen: {
    readonly xds: ListenAddress;
    readonly webhook: ListenAddress;
    readonly http: ListenAddress;
    readonly api: ListenAddress;
  };
  /** Of this replica: its pod's name. */
  readonly replica: string;
  readonly images: Images;
  readonly version: BuildInfo;
}

const RETRY: Millis = 1000;
const LEASE = "osm-controller";

/** Runs until `signal` is aborted, then stops in the reverse order. Rejects if it cannot start at all. */
export async function runCluster(options: ClusterOptions, signal: AbortSignal): Promise<void> {
  const log = createLogger();
  const access = await openAccess(
    options.kubeconfig === undefined ? { kind: "default" } : { kind: "file", path: options.kubeconfig },
  );
  const client = createClient(access);
  const { settings } = options;
  const root = await persist("root of trust", log, signal, () =>
    openRootSecret({ client, namespace: settings.meshNamespace, now: Date.now() }),
  );
  await persist("MeshConfig", log, signal, () => presetMeshConfig(client, settings.meshNamespace));
  const metrics = metricsOf(options.version, () => plane);
  const plane: ControlPlane = await createControlPlane({
    settings,
    root,
    address: options.listen.xds,
    log,
    onCompileEnd: (end) => metrics.compiled(end),
  });
  const source = new KubernetesSource({ client, scope: settings });
  const leader = { holder: "" };
  const serving = { webhooks: false };
  const stops: (() => Promise<void>)[] = [];
  try {
    const health = () => judgeHealth(healthState(plane, source, serving));
    stops.push(await serveHealth({ address: options.listen.http, version: options.version, health, metrics, log }));
    await startSource(source, plane, signal);
    await plane.listen();
    const admission = { client, plane, settings, images: options.images, version: options.version, log, metrics };
    stops.push(await serveAdmission({ ...admission, address: options.listen.webhook }));
    serving.webhooks = true;
    const replicas = () => [
      { name: options.replica, leader: leader.holder.startsWith(`${options.replica}_`), self: true },
    ];
    stops.push(
      await serveApi({ address: options.listen.api, client, plane, source, replicas, version: options.version, log }),
    );
    log.info("ready", { mesh: settings.meshName, replica: options.replica });
    await lead({ client, options, plane, log, onHolder: (holder) => (leader.holder = holder) }, signal);
  } finally {
    for (const stop of stops.reverse()) await stop();
    await source.stop();
    await plane.stop();
    client.close();
  }
}

async function startSource(source: KubernetesSource, plane: ControlPlane, signal: AbortSignal): Promise<void> {
  const onAbort = () => void source.stop();
  signal.addEventListener("abort", onAbort, { once: true });
  await source.start(plane.engine.sink);
  // A proxy that comes back must find its pod known, or it would be refused and wait.
  await plane.engine.loop.ready;
  signal.throwIfAborted();
}

interface Leading {
  readonly client: KubernetesClient;
  readonly options: ClusterOptions;
  readonly plane: ControlPlane;
  readonly log: Logger;
  onHolder(holder: string): void;
}

/** Resolves when `signal` is aborted. */
function lead({ client, options, plane, log, onHolder }: Leading, signal: AbortSignal): Promise<void> {
  const { settings, replica } = options;
  const lease = { namespace: settings.meshNamespace, name: LEASE };
  const onError = (cause: unknown) => log.error("leader election", { error: String(cause) });
  return runWhileLeader(
    { client, lease, identity: `${replica}_${crypto.randomUUID()}`, onHolder, onError },
    signal,
    (leading) =>
      doChores(
        {
          client,
          webhooks: webhookConfigurations(settings.meshName),
          trustBundle: () => plane.authority.trustBundle().join(""),
          now: () => Date.now(),
          onError: (chore, cause) => log.error("a chore failed and is tried again", { chore, error: String(cause) }),
          pause: (delay, until) => sleep(delay, undefined, { signal: until }).catch(() => undefined),
        },
        leading,
      ),
  );
}

/** Tries until it works: at the start the API server may be away, or a CRD not yet established. */
async function persist<T>(what: string, log: Logger, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (!isWorthRetrying(cause)) throw cause;
      log.error(`${what}: tried again in a second`, { error: String(cause) });
    }
    await sleep(RETRY, undefined, { signal });
  }
}

function isWorthRetrying(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "KubernetesError";
}

function healthState(plane: ControlPlane, source: KubernetesSource, serving: { readonly webhooks: boolean }) {
  const { loop } = plane.engine;
  const sources = source.status();
  return {
    synced: sources.length > 0 && sources.every(({ state }) => state !== "listing"),
    compiled: loop.mesh() !== undefined,
    failing: loop.failing(),
    xdsListening: plane.listening(),
    webhooksListening: serving.webhooks,
    certificateTrouble: [],
    sources,
  };
}
