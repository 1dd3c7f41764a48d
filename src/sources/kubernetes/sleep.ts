/**
 * Waiting that a signal ends early.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

/** Resolves after `delay` (at once if that is past), or as soon as `signal` is aborted. Never rejects. */
export function sleep(delay: Millis, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, delay));
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Lets waiting events run, so that a burst of objects does not keep health waiting. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
