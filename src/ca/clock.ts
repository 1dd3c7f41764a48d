/**
 * The clock, as an argument: a test moves it by hand.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export interface Clock {
  /** Wall clock, epoch milliseconds. It may jump either way. */
  now(): Millis;
  /** Runs `run` once when `at` is reached, at once if it has passed. @returns a function that cancels it. */
  schedule(at: Millis, run: () => void): () => void;
}

/** The runtime's own. A span is measured from the call, so keep it short where jumps of the wall clock matter. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  schedule(at, run) {
    const timer = setTimeout(run, Math.max(0, at - Date.now()));
    return () => clearTimeout(timer);
  },
};
