import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Outcome } from "./outcome.ts";
import { addOutcome, byVersion, Counter, EMPTY_TALLY, sumTallies, type Tally, tallySince } from "./tally.ts";

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({
    kind: fc.constant("answer" as const),
    status: fc.constantFrom(200, 201, 403, 404, 500, 503),
    server: fc.constantFrom("envoy", ""),
    identity: fc.constantFrom("bookstore-v1", "bookstore-v2", ""),
  }),
  fc.record({
    kind: fc.constant("silence" as const),
    why: fc.constantFrom("refused" as const, "reset" as const, "timeout" as const),
    detail: fc.constant(""),
  }),
);
const tallyOf = (all: readonly Outcome[]): Tally => all.reduce((tally, one) => addOutcome(tally, one), EMPTY_TALLY);

describe("a tally", () => {
  it("counts every call under one verdict and one answer", () => {
    fc.assert(
      fc.property(fc.array(outcomes), (all) => {
        const { requests, ok, denied, failed, answers } = tallyOf(all);
        assert.equal(requests, all.length);
        assert.equal(ok + denied + failed, all.length);
        assert.equal(
          Object.values(answers).reduce((sum, count) => sum + count, 0),
          all.length,
        );
      }),
    );
  });

  it("since a moment is what came after it, and the two together are the whole", () => {
    fc.assert(
      fc.property(fc.array(outcomes), fc.array(outcomes), (before, after) => {
        const since = tallySince(tallyOf(before), tallyOf([...before, ...after]));
        assert.deepEqual(since, tallyOf(after));
        assert.deepEqual(sumTallies([tallyOf(before), since]), tallyOf([...before, ...after]));
      }),
    );
  });

  it("of an application that restarted is all new", () => {
    const served: Outcome = { kind: "answer", status: 200, server: "", identity: "bookstore-v1" };
    const many = tallyOf([served, served, served]);
    const few = tallyOf([served]);
    assert.deepEqual(tallySince(many, few), few);
  });

  it("counts versions by prefix, and no identity of a call that was not served", () => {
    const named = (identity: string, status = 200): Outcome => ({ kind: "answer", status, server: "envoy", identity });
    const tally = tallyOf([
      named("bookstore-v1"),
      named("bookstore-v1-7f"),
      named("bookstore-v2"),
      named("bookstore-v2", 503),
      named(""),
    ]);
    assert.deepEqual(byVersion(tally), { v1: 2, v2: 1 });
    assert.equal(tally.ok, 4);
  });
});

describe("Counter", () => {
  it("starts again at zero after a reset, and obeys the expected denial", () => {
    const counter = new Counter(503);
    counter.add({ kind: "answer", status: 503, server: "envoy", identity: "" });
    assert.equal(counter.tally.denied, 1);
    counter.reset();
    assert.deepEqual(counter.tally, EMPTY_TALLY);
  });
});
