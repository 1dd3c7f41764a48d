/**
 * Which rows the titles of tests name.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["test/envoy", "test/cluster", "test/simulate", "test/runtime", "src/demo", "src/ca"];
/** The first argument of `describe` or `it`, which Biome keeps on the call's line or on the next. */
const TITLE = /\b(?:describe|it)\(\s*(["`])(.*?)\1/gs;
const AHEAD = /^((?:[A-Z]+\d+)(?:, [A-Z]+\d+)*): /;
const BEHIND = /\[(e2e_[a-z0-9_, ]+)\]$/;

export interface Title {
  /** From the root of the checkout. */
  readonly file: string;
  readonly title: string;
  readonly rows: readonly string[];
}

/** Titles that name rows, by file and place. */
export function titlesWithRows(): readonly Title[] {
  return testFiles().flatMap((file) =>
    [...readFileSync(`${ROOT}${file}`, "utf8").matchAll(TITLE)].flatMap(([, , title = ""]) => {
      const rows = rowsIn(title);
      return rows.length === 0 ? [] : [{ file, title, rows }];
    }),
  );
}

export function rowsIn(title: string): readonly string[] {
  const [, ahead = ""] = AHEAD.exec(title) ?? [];
  const [, behind = ""] = BEHIND.exec(title) ?? [];
  return [...ahead.split(", "), ...behind.split(", ")].filter((id) => id !== "");
}

function testFiles(): readonly string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => `${folder}/${name}`),
  ).sort();
}
