/**
 * `sidecar.configResyncInterval`: at times, all is computed anew.
 *
 * OSM sent everything to every proxy then, since it could lose events. Here what a proxy has is compared with what it
 * should have, so a resync forgets what was remembered between compiles, computes all from the objects, and sends what
 * differs: as a rule nothing.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Clock } from "./clock.ts";

export interface Resync {
  /** 0: never. The same interval again leaves the time of the next one as it is. */
  every(interval: Millis): void;
  stop(): void;
}

export function createResync(clock: Clock, run: () => void): Resync {
  let current: Millis = 0;
  let cancel = (): void => undefined;

  function schedule(): void {
    cancel = clock.after(current, () => {
      run();
      schedule();
    });
  }

  function every(interval: Millis): void {
    if (interval === current) return;
    cancel();
    cancel = () => undefined;
    current = interval;
    if (interval > 0) schedule();
  }

  return { every, stop: () => every(0) };
}
