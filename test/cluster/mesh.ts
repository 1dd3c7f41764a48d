/**
 * The mesh of the cluster that `KUBECONFIG` names, driven through kubectl as an operator would.
 *
 * Files of tests share one installation. Each sets what it needs of the mesh-wide settings itself, works in namespaces
 * of its own, and deletes them without waiting.
 *
 * @module
 */
import { join } from "node:path";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import type { HttpResult } from "../../src/demo/tasks/http-task.ts";
import type { Task, TaskKind, TaskOf, TaskResults } from "../../src/demo/tasks/perform.ts";
import { runCommand } from "../../src/local/tools/command.ts";
import { DEPLOY } from "../deploy/documents.ts";
import { app, IMAGE, type Manifest, type Namespaced, namespace } from "../support/workloads.ts";
import { kubectl, requireCluster } from "./kubectl.ts";
import { troubleOf } from "./trouble.ts";

/** Of pods: a CI machine may be three times slower than a desk. */
const POD_PATIENCE = "240s";
const PROBE_NAMESPACE = "mesh-probe";
const STEP = 300;

/** For `before` hooks and tests: generous, since what hangs is found by the deadlines within. */
export const WAIT = { timeout: 420_000 };

/** Applies `deploy/osm.yaml`, and resolves once the control plane is ready and pods are injected. */
export async function ensureMesh(): Promise<void> {
  requireCluster();
  await kubectl(["apply", "-f", join(DEPLOY, "osm.yaml")]);
  await rolledOut(MESH_NAMESPACE, `deployment/${CONTROLLER}`);
  await apply(namespace(PROBE_NAMESPACE));
  await eventually("the webhook injects", 120, async () => {
    const injected = await kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], listOf(probePod()));
    if (!injected.includes('"envoy"')) throw new Error("a pod was not injected");
    await settings();
  });
}

/** The spec of the MeshConfig. @throws CommandFailed if there is none yet. */
async function settings(): Promise<string> {
  return await kubectl(["-n", MESH_NAMESPACE, "get", "meshconfig", "osm-mesh-config", "-o", "jsonpath={.spec}"]);
}

/** Merges `spec` into the MeshConfig. */
export async function patchMeshConfig(spec: object): Promise<void> {
  const patch = JSON.stringify({ spec });
  await kubectl(["-n", MESH_NAMESPACE, "patch", "meshconfig", "osm-mesh-config", "--type=merge", "-p", patch]);
}

/** `smi`: only what a TrafficTarget allows. `egress` is off unless asked for, so that what is denied is refused. */
export async function setMode(
  mode: "permissive" | "smi",
  { egress = false }: { readonly egress?: boolean } = {},
): Promise<void> {
  const enablePermissiveTrafficPolicyMode = mode === "permissive";
  await patchMeshConfig({ traffic: { enablePermissiveTrafficPolicyMode, enableEgress: egress } });
}

export async function apply(...manifests: readonly Manifest[]): Promise<void> {
  await kubectl(["apply", "-f", "-"], listOf(...manifests));
}

/** Without waiting for what they own to end. */
export async function remove(...manifests: readonly Manifest[]): Promise<void> {
  await kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], listOf(...manifests));
}

/** For `after` hooks. */
export async function deleteNamespaces(...names: readonly string[]): Promise<void> {
  await kubectl(["delete", "namespace", ...names, "--ignore-not-found", "--wait=false"]);
}

/** A Deployment whose pod waits for tasks; see `perform`. It has no Service. */
export function client(
  of: Namespaced & { readonly account?: string; readonly replicas?: number },
): readonly Manifest[] {
  return app({ ...of, run: { app: ["http-echo", "--port", "8080"] }, port: 8080 });
}

/** Waits until all Deployments and StatefulSets of the namespaces have all replicas ready. */
export async function untilReady(...namespaces: readonly string[]): Promise<void> {
  for (const name of namespaces) {
    const found = await kubectl(["-n", name, "get", "deployments,statefulsets", "-o", "name"]);
    for (const one of found.split("\n").filter((line) => line !== "")) {
      await rolledOut(name, one);
    }
  }
}

/** @throws Error that tells why its pods are not ready. */
async function rolledOut(ns: string, what: string): Promise<void> {
  try {
    const rollout = ["rollout", "status", what, `--timeout=${POD_PATIENCE}`];
    await runCommand(["kubectl", "-n", ns, ...rollout], { timeout: 300_000 });
  } catch (cause) {
    console.error(await troubleOf(ns));
    throw cause;
  }
}

/** Names of the running pods with label `app: NAME`, sorted; those that end are left out. */
export async function podsOf({ namespace: ns, name }: Namespaced): Promise<readonly string[]> {
  const { items } = JSON.parse(await kubectl(["-n", ns, "get", "pods", "-l", `app=${name}`, "-o", "json"]));
  return (items as readonly PodView[])
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running")
    .map(({ metadata }) => metadata.name)
    .sort();
}

interface PodView {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: { readonly phase: string };
}

/** Has a pod perform a task. @param pod - `namespace/deployment`, or `namespace/pod/NAME`. */
export async function perform<K extends TaskKind>(pod: string, task: Task & { kind: K }): Promise<TaskResults[K]> {
  const [ns = "", kindOrName = "", name] = pod.split("/");
  const target = name === undefined ? `deployment/${kindOrName}` : `${kindOrName}/${name}`;
  const command = ["osm", "demo", "app", "perform", JSON.stringify(task)];
  const argv = ["kubectl", "exec", "-n", ns, target, "--", ...command];
  return JSON.parse(await runCommand(argv, { timeout: 180_000 })) as TaskResults[K];
}

/** One request, on a connection of its own. */
export async function get(pod: string, url: string, options: Omit<TaskOf<"http">, "url"> = {}): Promise<HttpResult> {
  const [first] = await perform(pod, { kind: "http", url, ...options });
  if (first === undefined) throw new Error("the client gave no result");
  return first;
}

/** Repeats `check` until it stops throwing. @throws Error with what it said last once `seconds` have passed. */
export async function eventually<T>(what: string, seconds: number, check: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, STEP));
    }
  }
}

function probePod(): Manifest {
  const containers = [{ name: "main", image: IMAGE }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: PROBE_NAMESPACE, name: "probe" },
    spec: { containers },
  };
}

function listOf(...items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
