/**
 * Waits until the demo does what it is there to show.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { LocalMesh, PodStatus } from "./ports.ts";
import { pauseFor } from "./rounds.ts";
import { callsOf, podKey, takeSample } from "./sample.ts";

/** bookbuyer, bookthief, two bookstores, bookwarehouse, the database. */
const EXPECTED_PODS = 6;
const POLL: Millis = 200;

export interface ReadyInput {
  readonly mesh: LocalMesh;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** For the pods to become ready, and again for the first book. */
  readonly patience: Millis;
}

/**
 * Resolves once every pod is ready and bookbuyer had a book sold to it: then policy, endpoints and certificates have
 * reached the sidecars, which a pod's readiness alone does not say. Resolves early if `signal` aborts.
 *
 * @throws Error naming the pods that are not ready, each with its reason, or that no book was sold.
 */
export async function untilReady(input: ReadyInput): Promise<void> {
  await untilPodsReady(input);
  await untilFirstBook(input);
}

async function untilPodsReady({ mesh, signal, log, patience }: ReadyInput): Promise<void> {
  const deadline = Date.now() + patience;
  let told = "";
  while (!signal.aborted) {
    const { pods } = await mesh.status();
    const waiting = pods.filter(({ ready }) => !ready);
    if (waiting.length === 0 && pods.length >= EXPECTED_PODS) return;
    const progress = `${pods.length - waiting.length} of ${Math.max(pods.length, EXPECTED_PODS)} pods ready`;
    if (progress !== told) log(progress);
    told = progress;
    if (Date.now() >= deadline) throw new Error(`${progress} after ${patience / 1000} s; ${reasonsText(waiting)}`);
    await pauseFor(POLL, signal);
  }
}

function reasonsText(waiting: readonly PodStatus[]): string {
  if (waiting.length === 0) return "the others were never started";
  return `not ready: ${waiting.map((pod) => `${podKey(pod)} (${pod.reason || "no reason given"})`).join(", ")}`;
}

async function untilFirstBook({ mesh, signal, log, patience }: ReadyInput): Promise<void> {
  const deadline = Date.now() + patience;
  log("all pods ready, waiting for bookbuyer's first book");
  while (!signal.aborted) {
    const calls = callsOf(await takeSample(mesh, Date.now()), "bookbuyer", "bookstore");
    if (calls.ok > 0) return;
    if (Date.now() >= deadline) {
      const answers = JSON.stringify(calls.answers);
      throw new Error(
        `bookbuyer got no book within ${patience / 1000} s of ${calls.requests} requests; answers: ${answers}`,
      );
    }
    await pauseFor(POLL, signal);
  }
}
