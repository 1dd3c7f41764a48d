/**
 * `test/envoy/coverage.md`: each row of the specification, and the test that shows it or why there is none.
 *
 * @module
 */
import { ROWS, type Row } from "./rows.ts";
import type { Title } from "./titles.ts";

export function coverageTable(titles: readonly Title[]): string {
  const head = [
    "# What of the specification is shown by which test",
    "",
    "Made by `npm run coverage` from the titles of tests (`test/coverage`). A test of `test/envoy` runs real Envoys in `osm local`, one of `test/cluster` a real cluster.",
  ];
  return [
    ...head,
    ...section("Demos and guides (data plane, section 11)", ROWS.guides, titles),
    ...section("OSM's e2e suite (platform, section 11.2)", ROWS.e2e, titles),
    "",
  ].join("\n");
}

function section(title: string, rows: readonly Row[], titles: readonly Title[]): readonly string[] {
  const lines = rows.map((row) => `| ${row.id} | ${row.what} | ${shownBy(row, titles)} |`);
  const shown = rows.filter(({ id }) => titles.some((one) => one.rows.includes(id))).length;
  return [
    "",
    `## ${title}`,
    "",
    `${shown} of ${rows.length} rows have a test.`,
    "",
    "| row | what | shown by |",
    "| --- | --- | --- |",
    ...lines,
  ];
}

function shownBy({ id, notShown }: Row, titles: readonly Title[]): string {
  const tests = titles
    .filter(({ rows }) => rows.includes(id))
    .map(({ file, title }) => `\`${file}\`: ${inCell(title)}`);
  if (tests.length > 0) return tests.join("<br>");
  return `**not shown**: ${notShown ?? "no test yet"}`;
}

function inCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
