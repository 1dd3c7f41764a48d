/**
 * When a leaf is issued, how far its life reaches back, and when it is replaced. Instants are epoch milliseconds.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

const HOUR: Millis = 3_600_000;
const OSM_LEAST_MARGIN: Millis = 300_000;
const LEAST_BACKDATE: Millis = 10_000;
const JITTER_OF_LIFE = 0.1;
const FIRST_RETRY: Millis = 1000;
const MOST_RETRY: Millis = 60_000;
const RETRIES_PER_LIFE = 20;
/** Certificates count whole seconds, so leaves of one life differ by up to one. */
const ROUNDING: Millis = 1000;

export interface Validity {
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export interface IssuedValidity extends Validity {
  /** When it was really issued: `notBefore` is earlier, for peers whose clocks are behind. */
  readonly issuedAt: Millis;
}

/**
 * How far `notBefore` lies before the instant of issue: a tenth of the life, from 10 s to 1 h.
 *
 * It is added in front, and takes nothing from the life that follows.
 */
export function backdateOf(life: Millis): Millis {
  return Math.min(HOUR, Math.max(LEAST_BACKDATE, life * JITTER_OF_LIFE));
}

/**
 * Picks the instant at which to replace a leaf.
 *
 * A third of its life is left by then, and no less than OSM's five minutes, or half of a life that is shorter than
 * ten; earlier by up to `jitter` of a tenth of the life, so that leaves issued together are not renewed together.
 * A leaf of 60 s is replaced 24 to 30 s after its issue.
 *
 * @param jitter - In [0, 1). 0 renews latest.
 * @returns Always between `issuedAt` and `notAfter`.
 * @throws RangeError if `jitter` is outside [0, 1): a programming error, never user input.
 * @see spec/dataplane.md 1.9: time left <= max(validity / 3, 5 min).
 */
export function renewAt({ notAfter, issuedAt }: IssuedValidity, jitter: number): Millis {
  if (!(jitter >= 0 && jitter < 1)) throw new RangeError(`jitter ${jitter} is outside [0, 1)`);
  const life = Math.max(0, notAfter - issuedAt);
  const margin = Math.max(life / 3, Math.min(OSM_LEAST_MARGIN, life / 2));
  return Math.floor(notAfter - margin - jitter * JITTER_OF_LIFE * life);
}

/** Whether a leaf was issued for longer than `life`. */
export function isLongerThan({ notAfter, issuedAt }: IssuedValidity, life: Millis): boolean {
  return notAfter - issuedAt > life + ROUNDING;
}

/**
 * When to replace a leaf of which only the end is known: it counts as issued one `life` before.
 *
 * @param jitter - In [0, 1), as for `renewAt`.
 * @returns undefined if it is to be replaced now: it is due, or was issued for a longer life than `life`.
 */
export function dueOfHeld(
  { notAfter, life, now }: { readonly notAfter: Millis; readonly life: Millis; readonly now: Millis },
  jitter: number,
): Millis | undefined {
  const validity = { notBefore: notAfter - life, notAfter, issuedAt: notAfter - life };
  if (isLongerThan({ ...validity, issuedAt: now }, life) || now >= renewAt(validity, 0)) return undefined;
  return Math.max(now, renewAt(validity, jitter));
}

/**
 * How long to wait after the given number of failed issues in a row: 1 s doubled each time, to at most a minute and a
 * twentieth of the life, then shortened at random by up to a half.
 *
 * @param random - In [0, 1).
 */
export function retryDelay(failures: number, life: Millis, random: number): Millis {
  const most = Math.min(MOST_RETRY, Math.max(FIRST_RETRY, life / RETRIES_PER_LIFE));
  return Math.min(most, FIRST_RETRY * 2 ** (failures - 1)) * (0.5 + random / 2);
}
