import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { delayBefore } from "./back-off.ts";

const backOff = { first: 100, cap: 1000 };
const delays = (random: number) => [1, 2, 3, 4, 5, 1000].map((attempt) => delayBefore(attempt, { backOff, random }));

describe("delayBefore", () => {
  it("doubles up to the cap, less up to a half", () => {
    assert.deepEqual(delays(0), [100, 200, 400, 800, 1000, 1000]);
    assert.deepEqual(delays(0.5), [75, 150, 300, 600, 750, 750]);
  });

  it("never waits for less than the server asks", () => {
    for (const random of [0, 0.5, 0.99]) {
      const delay = delayBefore(1, { backOff, random, retryAfter: 5000 });
      assert.ok(delay >= 5000 && delay < 5100, `${delay}`);
    }
  });
});
