/**
 * How long a crashed container waits before its next start.
 *
 * Kubernetes: the first restart at once, then 10 s doubling to 5 minutes, forgotten after 10 good minutes. On a
 * developer's machine that is too slow to watch: here 1 s doubling to a minute, forgotten after a good minute.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

const FIRST: Millis = 1000;
const LONGEST_BACK_OFF: Millis = 60_000;
const GOOD_RUN: Millis = 60_000;

/** Crashes in a row. */
export type CrashCount = number;

/** The count after a run of `ran` milliseconds ended. */
export function countCrash(before: CrashCount, ran: Millis): CrashCount {
  return ran >= GOOD_RUN ? 1 : before + 1;
}

/** The pause before the restart that follows `crashes` in a row: 0, 1 s, 2 s, 4 s … 60 s. */
export function backOff(crashes: CrashCount): Millis {
  return crashes <= 1 ? 0 : Math.min(FIRST * 2 ** (crashes - 2), LONGEST_BACK_OFF);
}
