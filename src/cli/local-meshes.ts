/**
 * A mesh for the demo: `osm local up` as a child process, spoken to through its control API.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Millis } from "../core/base/millis.ts";
import type { PodStatus as DemoPod, LaunchInput, LocalMesh, LocalMeshes, PodProxy } from "../demo/ports.ts";
import { type MeshClient, MeshDown, meshClient } from "../local/cluster/api-client.ts";
import { removeStateDir, statePaths } from "../local/cluster/state-dir.ts";
import type { PodStatus } from "../local/cluster/status.ts";
import { stopMachine } from "../local/runtime/launch.ts";
import { systemTools } from "../local/tools/system.ts";
import { osmArgv } from "./executable.ts";

const NAME = "demo";
const LOOK_EVERY: Millis = 50;
const STOP_GRACE: Millis = 20_000;
const STATISTICS_PORT = 15010;

export function localMeshes(name = NAME): LocalMeshes {
  return {
    preflight: () => Promise.resolve(missingTools()),
    launch: (input) => launch(input, name),
  };
}

function missingTools(): readonly string[] {
  try {
    systemTools();
    return [];
  } catch (cause) {
    return [cause instanceof Error ? cause.message : String(cause)];
  }
}

async function launch({ directory, signal, log }: LaunchInput, name: string): Promise<LocalMesh> {
  const paths = statePaths(name);
  const [program = "", ...args] = [...osmArgv(), "local", "up", directory, "--name", name];
  // Its own group: Ctrl-C is the demo's to answer, which takes the mesh down in order.
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const ended = endOf(child);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n")) if (line !== "") log(line);
  });
  const down = async (): Promise<void> => {
    await stopMachine(paths.dir, STOP_GRACE);
    await ended;
    removeStateDir(paths);
  };
  const client = meshClient(paths);
  try {
    await untilUp(client, { child, signal });
  } catch (error) {
    await down();
    throw error;
  }
  return toLocalMesh(client, down);
}

async function untilUp(
  client: MeshClient,
  { child, signal }: { readonly child: ChildProcess; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (child.exitCode !== null)
      throw new Error(`the mesh did not start: \`osm local up\` ended with ${child.exitCode}`);
    try {
      const { pods } = await client.status();
      if (pods.length > 0) return;
    } catch (error) {
      if (!(error instanceof MeshDown)) throw error;
    }
    await sleep(LOOK_EVERY);
  }
}

function toLocalMesh(client: MeshClient, down: () => Promise<void>): LocalMesh {
  return {
    status: async () => ({
      pods: await Promise.all((await client.status()).pods.map((pod) => toDemoPod(client, pod))),
    }),
    apply: async (yaml) => {
      await client.apply(yaml);
    },
    fetchPod: ({ namespace, name }, port, path) => client.fetch({ pod: `${namespace}/${name}`, port, path }),
    down,
  };
}

async function toDemoPod(client: MeshClient, pod: PodStatus): Promise<DemoPod> {
  const { namespace, name, labels, ready, message, serviceAccount, proxy } = pod;
  return {
    namespace,
    name,
    labels,
    ready,
    reason: ready ? "" : message || pod.phase,
    proxy: proxy === undefined ? undefined : await toDemoProxy(client, pod, `${serviceAccount}/${namespace}`),
  };
}

async function toDemoProxy(
  client: MeshClient,
  { namespace, name, ready, proxy }: PodStatus,
  identity: string,
): Promise<PodProxy> {
  const target = { pod: `${namespace}/${name}`, port: STATISTICS_PORT, path: "/stats/prometheus?filter=ssl.handshake" };
  // Without the annotation for metrics a namespace's proxies serve no statistics.
  const text = ready ? await client.fetch(target).catch(() => undefined) : undefined;
  return {
    identity,
    connected: proxy?.connected ?? false,
    certificate: proxy?.certificate,
    handshakes: text === undefined ? undefined : readHandshakes(text),
  };
}

/** Handshakes that listeners completed, in the text format of Prometheus. */
export function readHandshakes(text: string): number {
  const counts = [...text.matchAll(/^envoy_listener_ssl_handshake(?:\{[^}]*\})? (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}
