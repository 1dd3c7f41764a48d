/**
 * Golden files: one directory a case, `in.yaml` with all input, beside it one file for each stage that was looked at.
 *
 * `GOLDEN=write` writes what is and deletes what no stage made; a plain run fails on both.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";

const INPUT = "in.yaml";

/** The directories of a folder beside this file. At least one, so that a suite which finds nothing does not pass. */
export function goldenCases(folder: string): readonly GoldenCase[] {
  const root = fileURLToPath(new URL(`./${folder}/`, import.meta.url));
  const names = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  assert.ok(names.length > 0, `no golden cases in ${root}`);
  return names.map((name) => ({ name, directory: join(root, name) }));
}

export interface GoldenCase {
  readonly name: string;
  readonly directory: string;
}

/** The documents of `in.yaml`, whatever they mean. It must open with a comment that says what the case shows. */
export function readInput({ name, directory }: GoldenCase): readonly unknown[] {
  const text = readFileSync(join(directory, INPUT), "utf8");
  assert.match(text, /^# \S/, `${name}/${INPUT} does not open with a comment that says what it shows`);
  const documents = parseAllDocuments(text);
  assert.ok(Array.isArray(documents) && documents.length > 0, `${name}/${INPUT} is empty`);
  for (const { errors } of documents)
    assert.deepEqual(
      errors.map(({ message }) => message),
      [],
      `${name}/${INPUT} is no YAML`,
    );
  return documents.map((document): unknown => document.toJS());
}

/** Compares each stage with `<stage>.yaml`. Keys are sorted in the files; lists keep their order, which means something. */
export function checkStages(golden: GoldenCase, stages: Readonly<Record<string, unknown>>): void {
  const texts = new Map(Object.entries(stages).map(([stage, value]) => [`${stage}.yaml`, toYaml(value)]));
  const orphans = readdirSync(golden.directory).filter((file) => file !== INPUT && !texts.has(file));
  if (process.env["GOLDEN"] === "write") writeStages(golden, texts, orphans);
  else compareStages(golden, texts, orphans);
}

function compareStages(golden: GoldenCase, texts: ReadonlyMap<string, string>, orphans: readonly string[]): void {
  assert.deepEqual(orphans, [], `${golden.name}: files that no stage makes; GOLDEN=write deletes them`);
  for (const [file, text] of texts) {
    const path = join(golden.directory, file);
    assert.ok(existsSync(path), `${golden.name}/${file} is missing; GOLDEN=write makes it`);
    assert.equal(text, readFileSync(path, "utf8"), `${golden.name}/${file} is not what was compiled`);
  }
}

function writeStages({ directory }: GoldenCase, texts: ReadonlyMap<string, string>, orphans: readonly string[]): void {
  for (const file of orphans) rmSync(join(directory, file));
  for (const [file, text] of texts) writeFileSync(join(directory, file), text);
}

function toYaml(value: unknown): string {
  return stringify(value, { sortMapEntries: true, lineWidth: 120, aliasDuplicateObjects: false });
}
