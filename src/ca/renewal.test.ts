import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { leafVersion, parseLeafVersion } from "./leaf.ts";
import { backdateOf, dueOfHeld, renewAt, retryDelay } from "./renewal.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const jitters = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function dueAfter(life: number, jitter: number): number {
  return renewAt({ notBefore: -backdateOf(life), notAfter: life, issuedAt: 0 }, jitter);
}

describe("renewAt", () => {
  for (const { life, latest, earliest } of [
    { life: 24 * HOUR, latest: 16 * HOUR, earliest: 13.6 * HOUR },
    { life: HOUR, latest: 40 * MINUTE, earliest: 34 * MINUTE },
    { life: 12 * MINUTE, latest: 7 * MINUTE, earliest: 5.8 * MINUTE },
    { life: 10 * MINUTE, latest: 5 * MINUTE, earliest: 4 * MINUTE },
    { life: MINUTE, latest: 30 * SECOND, earliest: 24 * SECOND },
  ]) {
    it(`a life of ${life / MINUTE} min is replaced after ${earliest / MINUTE} to ${latest / MINUTE} min`, () => {
      assert.equal(dueAfter(life, 0), latest);
      assert.ok(Math.abs(dueAfter(life, 1 - Number.EPSILON) - earliest) <= 1);
    });
  }

  it("keeps OSM's rule wherever OSM allowed the life", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10 * MINUTE, max: 87_600 * HOUR }), jitters, (life, jitter) => {
        assert.ok(life - dueAfter(life, jitter) >= Math.max(life / 3, 5 * MINUTE) - 1);
      }),
    );
  });

  it("never asks for more than two renewals in a life, nor for one before the issue", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 87_600 * HOUR }), jitters, (life, jitter) => {
        const due = dueAfter(life, jitter);
        assert.ok(due >= Math.floor(life * 0.39) && due <= life, `${due} of ${life}`);
      }),
    );
  });

  it("does not count the time before the issue", () => {
    const validity = { notAfter: HOUR, issuedAt: 0 };
    assert.equal(renewAt({ ...validity, notBefore: -50 * HOUR }, 0), renewAt({ ...validity, notBefore: 0 }, 0));
  });

  for (const jitter of [-0.1, 1, Number.NaN]) {
    it(`throws for a jitter of ${jitter}`, () => assert.throws(() => dueAfter(HOUR, jitter), RangeError));
  }
});

describe("back-dating, waiting and held leaves", () => {
  it("reaches a tenth of the life back, from 10 s to 1 h", () => {
    assert.deepEqual([MINUTE, 10 * MINUTE, 24 * HOUR].map(backdateOf), [10 * SECOND, MINUTE, HOUR]);
  });

  it("waits longer after each failure, up to a minute and a twentieth of the life", () => {
    assert.deepEqual(
      [1, 2, 3, 7, 50].map((n) => retryDelay(n, 24 * HOUR, 1)),
      [1, 2, 4, 60, 60].map((s) => s * SECOND),
    );
    assert.equal(retryDelay(50, MINUTE, 1), 3 * SECOND);
    assert.equal(retryDelay(1, MINUTE, 0), 500);
    assert.equal(retryDelay(5000, 24 * HOUR, 1), MINUTE);
  });

  it("takes a held leaf as issued one life before its end", () => {
    const life = 24 * HOUR;
    assert.equal(dueOfHeld({ notAfter: life, life, now: HOUR }, 0), 16 * HOUR);
    assert.equal(dueOfHeld({ notAfter: life, life, now: 16 * HOUR }, 0), undefined);
    assert.equal(dueOfHeld({ notAfter: life, life, now: -HOUR }, 0), undefined, "it was made for a longer life");
    const now = 15 * HOUR;
    assert.equal(dueOfHeld({ notAfter: life, life, now }, 0.99), now, "jitter does not reach into the past");
  });
});

describe("leaf versions", () => {
  it("tell the issuer and the end", () => {
    const version = leafVersion({ issuerId: "ab".repeat(32), notAfter: 1_800_000_000_000, serial: "12".repeat(16) });
    assert.equal(version, "leaf.abababababababab.1800000000.1212121212121212");
    assert.deepEqual(parseLeafVersion(version), { issuer: "abababababababab", notAfter: 1_800_000_000_000 });
  });

  it("pad a short serial", () => {
    const version = leafVersion({ issuerId: "ab".repeat(32), notAfter: 0, serial: "1f" });
    assert.notEqual(parseLeafVersion(version), undefined, version);
  });

  it("any other text is no version", () => {
    for (const text of [
      "",
      "leaf",
      "leaf.ab.1.cd",
      "leaf.ABABABABABABABAB.1.1212121212121212",
      " leaf.abababababababab.1.1212121212121212",
    ]) {
      assert.equal(parseLeafVersion(text), undefined, text);
    }
    fc.assert(fc.property(fc.string(), (text) => parseLeafVersion(text) === undefined));
  });
});
