import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ROWS } from "../coverage/rows.ts";
import { coverageTable } from "../coverage/table.ts";
import { rowsIn, titlesWithRows } from "../coverage/titles.ts";

const TITLES = titlesWithRows();
const ALL = [...ROWS.guides, ...ROWS.e2e];

describe("test/envoy/coverage.md", () => {
  it("is what the titles of tests say", () => {
    const written = readFileSync(new URL("../envoy/coverage.md", import.meta.url), "utf8");
    assert.equal(written, coverageTable(TITLES), "npm run coverage writes it anew");
  });

  it("names rows that exist", () => {
    const known = new Set(ALL.map(({ id }) => id));
    const unknown = TITLES.flatMap(({ file, rows }) =>
      rows.filter((id) => !known.has(id)).map((id) => `${file}: ${id}`),
    );
    assert.deepEqual(unknown, []);
  });

  it("has a test or a reason for each row, and not both", () => {
    const shown = new Set(TITLES.flatMap(({ rows }) => rows));
    const wrong = ALL.filter(({ id, notShown }) => shown.has(id) === (notShown !== undefined));
    assert.deepEqual(wrong, []);
  });

  it("reads rows ahead of a title and behind it", () => {
    assert.deepEqual(rowsIn("E4, E5: an Egress [e2e_egress_policy, e2e_egress]"), [
      "E4",
      "E5",
      "e2e_egress_policy",
      "e2e_egress",
    ]);
    assert.deepEqual(rowsIn("answers 403 to HTTP: nothing"), []);
  });
});
