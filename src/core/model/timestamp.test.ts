import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseTimestamp } from "./timestamp.ts";

describe("parseTimestamp", () => {
  it("agrees with the platform's own reading", () => {
    const noInvalidDate = {
      noInvalidDate: true,
      min: new Date("1600-01-01T00:00:00Z"),
      max: new Date("9999-12-31T00:00:00Z"),
    };
    fc.assert(
      fc.property(fc.date(noInvalidDate), (date) => assert.equal(parseTimestamp(date.toISOString()), date.getTime())),
    );
  });

  for (const text of ["2024-02-29T23:59:60Z", "2026-01-01T00:00:00+05:30", "2026-01-01T00:00:00.123456-01:00"]) {
    it(`reads ${text}`, () => assert.equal(Number.isSafeInteger(parseTimestamp(text)), true));
  }

  it("heeds the offset", () => {
    assert.equal(parseTimestamp("2026-01-01T05:30:00+05:30"), Date.UTC(2026, 0, 1));
    assert.equal(parseTimestamp("2025-12-31T23:00:00-01:00"), Date.UTC(2026, 0, 1));
  });

  for (const value of [undefined, null, "", "yesterday", 5, "2026-01-01", {}]) {
    it(`has no age for ${JSON.stringify(value)}`, () => assert.equal(parseTimestamp(value), 0));
  }
});
