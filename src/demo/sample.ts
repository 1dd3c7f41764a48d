/**
 * One look at the running demo: the pods' status and the applications' own counters.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../core/base/millis.ts";
import type { LocalMesh, MeshStatus, PodStatus } from "./ports.ts";
import { BOOK_PORT } from "./settings.ts";
import { RawSchema, sumTallies, type Tally } from "./tally.ts";

export interface Sample {
  readonly at: Millis;
  readonly pods: readonly PodStatus[];
  /** Calls by pod (`namespace/name`) and by the application called. A pod that did not answer is left out. */
  readonly calls: ReadonlyMap<string, Readonly<Record<string, Tally>>>;
}

/** Applications with counters on `/raw`: all but the database, which only speaks TCP. */
const COUNTING_APPS = new Set(["bookbuyer", "bookthief", "bookstore", "bookwarehouse"]);

export function podKey({ namespace, name }: PodStatus): string {
  return `${namespace}/${name}`;
}

export function appOf({ labels }: PodStatus): string {
  return labels["app"] ?? "";
}

/** Reads the status, and `/raw` of every counting pod at once. Rejects only if there is no status. */
export async function takeSample(mesh: LocalMesh, at: Millis): Promise<Sample> {
  const { pods } = await mesh.status();
  const counted = await Promise.all(
    countingPods({ pods }).map(async (pod) => [podKey(pod), await readCalls(mesh, pod)] as const),
  );
  return { at, pods, calls: new Map(counted.flatMap(([key, calls]) => (calls === undefined ? [] : [[key, calls]]))) };
}

// A pod that restarts has no counters for a moment. The view then shows none, which is the truth.
async function readCalls(mesh: LocalMesh, pod: PodStatus): Promise<Readonly<Record<string, Tally>> | undefined> {
  try {
    const raw = v.safeParse(RawSchema, JSON.parse(await mesh.fetchPod(pod, BOOK_PORT, "/raw")));
    return raw.success ? raw.output.calls : undefined;
  } catch {
    return undefined;
  }
}

function countingPods({ pods }: MeshStatus): readonly PodStatus[] {
  return pods.filter((pod) => COUNTING_APPS.has(appOf(pod)));
}

/** Sets the counters of every counting pod to zero. Rejects if one does not answer. */
export async function resetCounters(mesh: LocalMesh): Promise<void> {
  const pods = countingPods(await mesh.status());
  await Promise.all(pods.map((pod) => mesh.fetchPod(pod, BOOK_PORT, "/reset")));
}

/** All calls of the pods of `caller` to `callee`. */
export function callsOf({ pods, calls }: Sample, caller: string, callee: string): Tally {
  const own = pods.filter((pod) => appOf(pod) === caller);
  return sumTallies(own.flatMap((pod) => calls.get(podKey(pod))?.[callee] ?? []));
}
