/**
 * Repeats a piece of work until it is stopped.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Millis } from "../core/base/millis.ts";

/** Does `round` again and again with `pause` between. Ends when `signal` aborts, after the round under way. */
export async function repeat(pause: Millis, signal: AbortSignal, round: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await round();
    await pauseFor(pause, signal);
  }
}

/** Waits `span`, or less if `signal` aborts. Never rejects. */
export async function pauseFor(span: Millis, signal: AbortSignal): Promise<void> {
  await sleep(span, undefined, { signal }).catch(() => undefined);
}
