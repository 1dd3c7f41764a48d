/**
 * Kubernetes' timestamps (RFC 3339) as epoch milliseconds, without the clock that core does not have.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const DAY: Millis = 86_400_000;

/** @returns 0 for whatever is no timestamp: an age only breaks ties, so it is not worth a refusal. */
export function parseTimestamp(value: unknown): Millis {
  const parts = typeof value === "string" ? RFC3339.exec(value) : null;
  if (parts === null) return 0;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const fraction = Math.floor(Number(parts[7] ?? 0) * 1000);
  const offset = (parts[8] === "-" ? -1 : 1) * (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0));
  return daysSinceEpoch(year, month, day) * DAY + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
}

// Years start in March here, so that the leap day is a year's last: the usual days-from-civil arithmetic.
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return shifted * 365 + leapDays + dayOfYear - 719_468;
}
