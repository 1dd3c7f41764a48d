import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDuration } from "./millis.ts";

describe("parseDuration", () => {
  const spans: readonly (readonly [string, number | undefined])[] = [
    ["24h", 86_400_000],
    ["1m30s", 90_000],
    ["1.5s", 1500],
    ["-1h", -3_600_000],
    ["0", 0],
    ["500us", 0.5],
    ["2562047h", 9_223_369_200_000],
    ["2562048h", undefined],
    ["1e3s", undefined],
    [`${"9".repeat(400)}h`, undefined],
    ["5", undefined],
    ["", undefined],
    ["1 s", undefined],
  ];
  for (const [text, span] of spans) {
    it(`reads ${text.slice(0, 20)} as ${span}`, () => assert.equal(parseDuration(text), span));
  }
});
