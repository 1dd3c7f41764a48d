/**
 * Time as numbers: epoch milliseconds and spans of milliseconds.
 *
 * @module
 */

/** Milliseconds: a span, or an instant since the epoch. The name of the thing says which. */
export type Millis = number;

const UNITS: Readonly<Record<string, Millis>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const WHOLE = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))*$/;
/** Go counts nanoseconds in 64 bits: some 292 years. */
const LONGEST: Millis = 2 ** 63 / 1e6;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/**
 * Reads a duration as Kubernetes objects spell it: Go's `time.ParseDuration`, so `24h`, `1m30s`, `1.5s`, `0`.
 *
 * @returns undefined where Go would refuse the text.
 */
export function parseDuration(text: string): Millis | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!WHOLE.test(text)) return undefined;
  const sum = [...text.matchAll(PART)].reduce(
    (total, [, amount, unit]) => total + Number(amount) * (UNITS[unit ?? ""] ?? 0),
    0,
  );
  if (sum >= LONGEST) return undefined;
  return text.startsWith("-") ? -sum : sum;
}
