/**
 * `osm local up`, inside the machine: puts the parts of a mesh together, runs it until it is told to stop, takes it down.
 *
 * @module
 */
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { SYSTEM_CLOCK } from "../../engine/clock.ts";
import type { Depth } from "../../sources/files/directory.ts";
import { type FileReport, FileSource, reportText } from "../../sources/files/file-source.ts";
import { openMachine } from "../runtime/machine.ts";
import { MOUNT_POINTS } from "../runtime/pod-setup.ts";
import type { Machine } from "../runtime/ports.ts";
import { controlApi, type MeshControl } from "./api.ts";
import { Cluster, type ClusterPod } from "./cluster.ts";
import { DesiredObjects } from "./desired.ts";
import { findLog, planExec, toNamedPod } from "./exec-plan.ts";
import { startExternalControlPlane } from "./external-control-plane.ts";
import { findPod } from "./pod-target.ts";
import { type ClusterDeps, type ControlPlaneHandle, XDS_ADDRESS } from "./ports.ts";
import { parseManifest } from "./raw-object.ts";
import { serveOnSocket } from "./socket-server.ts";
import { type MeshRecord, readOverlays, type StatePaths, writeMeshRecord, writeOverlays } from "./state-dir.ts";
import { type MeshStatus, toFindings, toPodStatus, toServiceStatus } from "./status.ts";

export interface MeshOptions {
  readonly paths: StatePaths;
  /** Absolute. */
  readonly directory: string;
  readonly depth: Depth;
  readonly controlPlane: MeshRecord["controlPlane"];
  /** How to start this executable. */
  readonly osm: readonly string[];
  /** Path of Envoy; absent if there is none, and then meshed pods do not start. */
  readonly envoy: string | undefined;
  readonly deps: ClusterDeps;
  readonly signal: AbortSignal;
  /** Told in plain lines what happens. */
  say(line: string): void;
}

/** The control plane in either mode. */
interface Plane extends Pick<ControlPlaneHandle, "sink" | "proxies" | "onChange" | "findings" | "stop"> {
  readonly mode: MeshRecord["controlPlane"];
  /** Inside the machine; absent if embedded or down. */
  pid(): number | undefined;
  restarts(): number;
}

/** Runs a mesh until `options.signal` is aborted or `stop` is called through its API. Nothing is left when it resolves. */
export async function runMesh(options: MeshOptions): Promise<void> {
  const { paths, osm, envoy } = options;
  // Of the last run under this name.
  rmSync(join(paths.dir, "logs"), { recursive: true, force: true });
  const machine = await openMachine({ stateDir: paths.dir, osm, ...(envoy === undefined ? {} : { envoy }) });
  try {
    await runOn(machine, options);
  } finally {
    await machine.close();
  }
}

async function runOn(machine: Machine, options: MeshOptions): Promise<void> {
  const { paths, directory, depth, deps, say } = options;
  const credentials = await deps.openAuthority(paths.dir);
  const plane = await startPlane(options);
  let synced = false;
  const desired = new DesiredObjects({
    overlays: readOverlays(paths),
    save: (overlays) => writeOverlays(paths, overlays),
    onChange: () => {
      if (synced) cluster.poke();
    },
  });
  const announce = announcer(say);
  const cluster: Cluster = new Cluster({
    machine,
    clock: SYSTEM_CLOCK,
    sink: plane.sink,
    credentials,
    proxies: plane,
    sidecarDirectory: join(mountPoint(), "envoy"),
    desired: () => desired.list(),
    onChange: () => announce(cluster),
  });
  const source = new FileSource({ dir: directory, depth, parse: parseManifest, onReports: reporter(say) });
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, options.signal]);
  const control = meshControl({ options, plane, cluster, desired, source, stop: () => stop.abort() });
  const closeApi = await serveOnSocket(paths.socket, (request) => controlApi(control).fetch(request));
  try {
    await source.start(desired.directorySink());
    synced = true;
    writeMeshRecord(paths, { directory, controlPlane: options.controlPlane, startedAt: Date.now() });
    cluster.reconcile();
    await untilAborted(signal);
    say("stopping");
  } finally {
    await source.stop();
    credentials.stop();
    await cluster.close();
    await plane.stop();
    await closeApi();
  }
}

async function startPlane({ paths, controlPlane, deps, osm }: MeshOptions): Promise<Plane> {
  if (controlPlane === "external") return { mode: "external", ...startExternalControlPlane(paths, osm) };
  const handle = await deps.startControlPlane({ stateDir: paths.dir, listen: XDS_ADDRESS });
  return { mode: "embedded", ...handle, pid: () => undefined, restarts: () => 0 };
}

interface ControlParts {
  readonly options: MeshOptions;
  readonly plane: Plane;
  readonly cluster: Cluster;
  readonly desired: DesiredObjects;
  readonly source: FileSource;
  stop(): void;
}

function meshControl(parts: ControlParts): MeshControl {
  const { options, cluster, desired, stop } = parts;
  return {
    status: () => readStatus(parts),
    apply: (raw) => desired.apply(raw),
    delete: (ref) => desired.delete(ref),
    exec: (target) => planExec(target, cluster.pods(), mountPoint()),
    log: (target) => findLog(target, cluster.pods(), options.paths.dir),
    address: (target) => {
      const found = findPod(target, cluster.pods().map(toNamedPod));
      return found.ok ? { ok: true, value: found.value.pod.facts.ip } : found;
    },
    stop,
  };
}

function readStatus({ options, plane, cluster, source }: ControlParts): MeshStatus {
  const proxies = plane.proxies();
  const made = cluster.published();
  const pid = plane.mode === "external" ? plane.pid() : process.pid;
  return {
    directory: options.directory,
    stateDir: options.paths.dir,
    controlPlane: {
      mode: plane.mode,
      ...(pid === undefined ? {} : { pid }),
      restarts: plane.restarts(),
      connected: proxies.filter(({ connected }) => connected).length,
    },
    pods: cluster.pods().map((one) => toPodStatus(one, proxies)),
    services: made === undefined ? [] : toServiceStatus(made),
    findings: toFindings({ findings: plane.findings(), reports: source.reports(), warnings: cluster.warnings() }),
  };
}

/** Says each report once, for as long as it stands. */
function reporter(say: (line: string) => void): (reports: readonly FileReport[]) => void {
  let known = new Set<string>();
  return (reports) => {
    const lines = reports.map(reportText);
    for (const line of lines) if (!known.has(line)) say(line);
    if (known.size > 0 && lines.length === 0) say("all files are in order");
    known = new Set(lines);
  };
}

/** Says when the number of ready pods changes, and what keeps a pod from being ready. */
function announcer(say: (line: string) => void): (cluster: Cluster) => void {
  let last = "";
  let told = new Set<string>();
  return (cluster) => {
    const pods = cluster.pods();
    const lines = [...pods.flatMap(troubleLines), ...cluster.warnings().map((text) => `warning: ${text}`)];
    for (const line of lines) if (!told.has(line)) say(line);
    told = new Set(lines);
    const live = pods
      .map(({ runner }) => runner.view())
      .filter(({ terminating, endedAt }) => !terminating && endedAt === 0);
    const line = `${live.filter(({ ready }) => ready).length} of ${live.length} pods ready`;
    if (line !== last) say(line);
    last = line;
  };
}

function troubleLines(one: ClusterPod): readonly string[] {
  const { namespace, name, message, warnings } = toPodStatus(one, []);
  return [...warnings, message].filter((text) => text !== "").map((text) => `pod ${namespace}/${name}: ${text}`);
}

/** The folder that the machine mounts a pod's own files over; the same choice as `openMachine` makes. */
function mountPoint(): string {
  return MOUNT_POINTS.find((path) => existsSync(path) && statSync(path).isDirectory()) ?? MOUNT_POINTS[0];
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
