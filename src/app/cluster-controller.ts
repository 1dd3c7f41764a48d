/**
 * `osm controller`: the control plane of a cluster, inside it or outside.
 *
 * 1. Health answers, whatever else is missing.
 * 2. Root of trust and MeshConfig are read, or made; the source is followed.
 * 3. Once all is read and compiled, proxies, webhooks and the API are served, and one replica leads and does the chores.
 * 4. Asked to stop, it goes on serving until nobody is sent to it any more, and then ends in the reverse order.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Leaf } from "../ca/leaf.ts";
import { webhookConfigurations } from "../cluster/ca-bundle.ts";
import { presetMeshConfig } from "../cluster/mesh-config-preset.ts";
import { createRoster, type Roster } from "../cluster/replicas.ts";
import { SERVER_SECRETS, serverSecret } from "../cluster/server-secret.ts";
import type { Millis } from "../core/base/millis.ts";
import { type HealthReport, judgeHealth } from "../http/readiness.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { KubernetesSource } from "../sources/kubernetes/source.ts";
import { createLogger, type Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type AdmissionServer, serveAdmission } from "./admission-server.ts";
import { serveApi } from "./api-server.ts";
import type { ClusterOptions, ServerHandle } from "./cluster-options.ts";
import { clusterRoots } from "./cluster-roots.ts";
import { clusterCompany } from "./cluster-rotation.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";
import { serveHealth } from "./health-server.ts";
import { lead } from "./leading.ts";
import { metricsOf } from "./metrics.ts";
import { persist } from "./persist.ts";
import { logSource } from "./source-log.ts";
import { eventPlace, tellOfCertificates } from "./telling.ts";

/** What there is so far. */
interface Progress {
  stopping: boolean;
  /** All was read and compiled once. */
  synced: boolean;
  leads: boolean;
  source?: KubernetesSource;
  plane?: ControlPlane;
  admission?: AdmissionServer;
}

interface Run {
  readonly options: ClusterOptions;
  /** Aborted when it is asked to stop. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly progress: Progress;
  /** What is to be undone, the last first. None of them rejects. */
  readonly undo: (() => Promise<void> | void)[];
}

/** Runs until `signal` is aborted, then stops. Rejects if it cannot start at all. */
export async function runCluster(options: ClusterOptions, signal: AbortSignal): Promise<void> {
  const log = createLogger();
  const progress: Progress = { stopping: false, synced: false, leads: false };
  const metrics = metricsOf(options.version, () => progress.plane);
  const run: Run = { options, signal, log, metrics, progress, undo: [] };
  try {
    await serve(run);
  } catch (cause) {
    // Asked to stop before it had started.
    if (!signal.aborted) throw cause;
  } finally {
    for (const step of run.undo.reverse()) await step();
    log.info("stopped");
  }
}

async function serve(run: Run): Promise<void> {
  const { options, signal, log, metrics, progress, undo } = run;
  const { version, listen, settings } = options;
  const health = () => report(progress);
  undo.push(await serveHealth({ address: listen.http, version, health, metrics, log }));

  const { kubeconfig } = options;
  const access = await openAccess(kubeconfig === undefined ? { kind: "default" } : { kind: "file", path: kubeconfig });
  const client = createClient(access);
  undo.push(() => client.close());

  const replicas = createRoster({ client, namespace: settings.meshNamespace, self: options.replica, pause });
  const plane = await buildPlane(run, client, replicas);
  progress.plane = plane;
  const source = new KubernetesSource({ client, scope: settings });
  progress.source = source;
  undo.push(logSource(source, log), () => source.stop());
  await unlessStopped(follow(source, plane), signal);
  progress.synced = true;

  const servers = await listenAll(run, { client, plane, source, replicas });
  // Undone last to first, so first of all: proxies dial another replica while webhooks are still answered.
  undo.push(() => plane.stop());
  log.info("ready", { mesh: settings.meshName, replica: options.replica });
  const onLeads = (leads: boolean): void => {
    progress.leads = leads;
  };
  await Promise.all([
    lead({ client, options, plane, metrics, log, replicas, pause, onLeads }, signal),
    replicas.follow(signal),
    tellOfCertificates({ place: eventPlace(client, options), plane, log, pause }, signal),
    drainOnceAsked(run, servers),
  ]);
}

async function buildPlane(
  { options, signal, log, metrics, progress, undo }: Run,
  client: KubernetesClient,
  roster: Roster,
) {
  const { settings, listen } = options;
  const roots = clusterRoots({ client, options, log });
  undo.push(() => roots.close());
  const rotator = await persist({ what: "root of trust", log, signal }, () => roots.open());
  await persist({ what: "MeshConfig", log, signal }, () => presetMeshConfig(client, settings.meshNamespace));
  const onCompileEnd: Metrics["compiled"] = (end) => metrics.compiled(end);
  const webhookLeaf = (): Leaf | undefined => progress.admission?.leaf();
  const company = clusterCompany({
    client,
    namespace: settings.meshNamespace,
    replica: options.replica,
    rotator,
    webhooks: webhookConfigurations(settings.meshName),
    replicas: () => roster.list().map(({ name }) => name),
    leads: () => progress.leads,
    webhookLeaf,
  });
  const onIssued = (duration: Millis): void => metrics.certificateIssued(duration);
  const plane = await createControlPlane({
    settings,
    rotator,
    company,
    address: listen.xds,
    log,
    onCompileEnd,
    onIssued,
    webhookLeaf,
    keep: serverSecret({
      client,
      namespace: settings.meshNamespace,
      name: SERVER_SECRETS.xds,
      roots: () => rotator.roots(),
    }),
  });
  undo.push(() => plane.stop());
  return plane;
}

async function follow(source: KubernetesSource, plane: ControlPlane): Promise<void> {
  await source.start(plane.engine.sink);
  // A proxy that comes back must find its pod known, or it would be refused and wait.
  await plane.engine.loop.ready;
}

interface Parts {
  readonly client: KubernetesClient;
  readonly plane: ControlPlane;
  readonly source: KubernetesSource;
  readonly replicas: Roster;
}

async function listenAll(
  { options, signal, log, metrics, progress, undo }: Run,
  { client, plane, source, replicas }: Parts,
): Promise<readonly ServerHandle[]> {
  const { settings, images, version, listen } = options;
  await persist({ what: "certificate of the xDS server", log, signal }, () => plane.listen());
  const base = { client, plane, version, log, metrics };
  const roots = () => plane.rotation.rotator.roots();
  const keep = serverSecret({ client, namespace: settings.meshNamespace, name: SERVER_SECRETS.webhooks, roots });
  const admission = await persist({ what: "webhooks", log, signal }, () =>
    serveAdmission({ ...base, settings, images, address: listen.webhook, keep }),
  );
  undo.push(() => admission.stop());
  progress.admission = admission;
  const { meshNamespace } = settings;
  const list = () => replicas.list();
  const api = await serveApi({ ...base, meshNamespace, source, replicas: list, address: listen.api });
  undo.push(() => api.stop());
  return [admission, api];
}

/** Not ready from the first moment, so that nobody new is sent here; those who come meanwhile are served. */
async function drainOnceAsked({ options, signal, log, progress }: Run, servers: readonly ServerHandle[]) {
  if (!signal.aborted) await once(signal, "abort");
  progress.stopping = true;
  log.info("asked to stop", { servesFor: options.drainTime });
  for (const server of servers) server.drain();
  await delay(options.drainTime);
}

async function unlessStopped(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const waiting = new AbortController();
  const stopped = once(signal, "abort", { signal: waiting.signal });
  try {
    await Promise.race([work, stopped]);
  } finally {
    waiting.abort();
  }
  signal.throwIfAborted();
}

async function pause(time: Millis, signal: AbortSignal): Promise<void> {
  await delay(time, undefined, { signal }).catch(() => undefined);
}

function report({ stopping, synced, source, plane, admission }: Progress): HealthReport {
  return judgeHealth({
    stopping,
    // What was read once stays in force, also while it is read anew.
    synced,
    compiled: plane?.engine.loop.mesh() !== undefined,
    failing: plane?.engine.loop.failing() ?? false,
    xdsListening: plane?.listening() ?? false,
    webhooksListening: admission !== undefined,
    certificateTrouble: [...(plane?.certificateTrouble() ?? []), ...(admission?.certificateTrouble() ?? [])],
    sources: source?.status() ?? [],
  });
}
