/**
 * How long to wait before the next try.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

export interface BackOff {
  readonly first: Millis;
  readonly cap: Millis;
}

/**
 * Doubles from `first` to `cap`, less up to a half, so that replicas and kinds that lost the API server together do
 * not come back together. What the server asks for is a lower bound, with as much jitter on top.
 *
 * @param attempt - Tries that went wrong so far, from 1.
 * @param random - In [0, 1).
 */
export function delayBefore(
  attempt: number,
  {
    backOff: { first, cap },
    random,
    retryAfter = 0,
  }: {
    readonly backOff: BackOff;
    readonly random: number;
    readonly retryAfter?: Millis | undefined;
  },
): Millis {
  const doubled = Math.min(cap, first * 2 ** Math.min(attempt - 1, 30));
  const jittered = doubled * (1 - random / 2);
  return retryAfter > 0 ? retryAfter + first * random : jittered;
}
