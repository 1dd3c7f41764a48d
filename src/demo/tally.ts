/**
 * Counts the calls of one application to one other, by verdict, answer and the identity that answered.
 *
 * @module
 */
import * as v from "valibot";
import { answerName, judge, type Outcome } from "./outcome.ts";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Counts = v.record(v.string(), Count);

/** As `/raw` writes it. `ok + denied + failed = requests`. */
const TallySchema = v.object({
  requests: Count,
  ok: Count,
  denied: Count,
  failed: Count,
  /** By HTTP status, or `refused`, `reset`, `timeout`, `unresolved`, `broken`. */
  answers: Counts,
  /** The `Identity` header of the calls that were served. */
  by_identity: Counts,
});
export type Tally = Readonly<v.InferOutput<typeof TallySchema>>;

export const EMPTY_TALLY: Tally = { requests: 0, ok: 0, denied: 0, failed: 0, answers: {}, by_identity: {} };

/** What every application answers on `/raw`: its calls, by the name of the one it calls. */
export const RawSchema = v.object({ calls: v.record(v.string(), TallySchema) });
export type Raw = Readonly<v.InferOutput<typeof RawSchema>>;

/** A new tally with one more outcome in it. */
export function addOutcome(tally: Tally, outcome: Outcome, denialStatus = 0): Tally {
  const verdict = judge(outcome, denialStatus);
  const identity = outcome.kind === "answer" && verdict === "ok" ? outcome.identity : "";
  return {
    ...tally,
    requests: tally.requests + 1,
    [verdict]: tally[verdict] + 1,
    answers: plusOne(tally.answers, answerName(outcome)),
    by_identity: identity === "" ? tally.by_identity : plusOne(tally.by_identity, identity),
  };
}

function plusOne(counts: Readonly<Record<string, number>>, key: string): Record<string, number> {
  return { ...counts, [key]: (counts[key] ?? 0) + 1 };
}

/** What came since `before`. A restart of the application set its counters to zero: then all of `now` is new. */
export function tallySince(before: Tally, now: Tally): Tally {
  if (now.requests < before.requests) return now;
  return {
    requests: now.requests - before.requests,
    ok: now.ok - before.ok,
    denied: now.denied - before.denied,
    failed: now.failed - before.failed,
    answers: countsSince(before.answers, now.answers),
    by_identity: countsSince(before.by_identity, now.by_identity),
  };
}

function countsSince(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(now).map(([key, count]) => [key, count - (before[key] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

export function sumTallies(all: readonly Tally[]): Tally {
  return all.reduce(
    (sum, one) => ({
      requests: sum.requests + one.requests,
      ok: sum.ok + one.ok,
      denied: sum.denied + one.denied,
      failed: sum.failed + one.failed,
      answers: sumCounts(sum.answers, one.answers),
      by_identity: sumCounts(sum.by_identity, one.by_identity),
    }),
    EMPTY_TALLY,
  );
}

function sumCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}

export interface Versions {
  readonly v1: number;
  readonly v2: number;
}

/** By the prefix of the identity, as OSM's bookbuyer counts. */
export function byVersion({ by_identity }: Tally): Versions {
  const of = (prefix: string): number =>
    Object.entries(by_identity).reduce((sum, [identity, count]) => sum + (identity.startsWith(prefix) ? count : 0), 0);
  return { v1: of("bookstore-v1"), v2: of("bookstore-v2") };
}

/** The counters of one application, for as long as it runs. */
export class Counter {
  #tally = EMPTY_TALLY;
  readonly #denialStatus: number;

  constructor(denialStatus = 0) {
    this.#denialStatus = denialStatus;
  }

  get tally(): Tally {
    return this.#tally;
  }

  add(outcome: Outcome): void {
    this.#tally = addOutcome(this.#tally, outcome, this.#denialStatus);
  }

  reset(): void {
    this.#tally = EMPTY_TALLY;
  }
}
