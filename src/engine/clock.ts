/**
 * Time as an argument, so that tests hold it.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export interface Clock {
  /** Epoch milliseconds. */
  now(): Millis;
  /** Calls `run` once after `delay`. Returns its cancellation. */
  after(delay: Millis, run: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
};
