/**
 * When to compile: a single change after a quiet time at once, a burst once it is over.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Clock } from "./clock.ts";

/** A burst is over after this long without a change … */
const QUIET: Millis = 100;
/** … or this long after its first one. */
const CAP: Millis = 1000;

export interface Debounce {
  /** Something changed. */
  touch(): void;
  stop(): void;
}

/** @param run - Never called again before `QUIET` has passed since it last returned. */
export function createDebounce(clock: Clock, run: () => void): Debounce {
  let quietUntil = 0;
  let burstSince: Millis | undefined;
  let cancel: (() => void) | undefined;
  let stopped = false;

  function fire(): void {
    cancel = undefined;
    burstSince = undefined;
    run();
    quietUntil = clock.now() + QUIET;
  }

  return {
    touch() {
      if (stopped) return;
      const now = clock.now();
      burstSince ??= now;
      cancel?.();
      const wait = now >= quietUntil ? 0 : Math.min(QUIET, Math.max(0, burstSince + CAP - now));
      // Also the first change waits for the end of this turn: a source tells one edit as several objects.
      cancel = clock.after(wait, fire);
      if (wait > 0) quietUntil = Math.max(quietUntil, now + wait);
    },
    stop() {
      stopped = true;
      cancel?.();
      cancel = undefined;
    },
  };
}
