/** The guide has one row for every field that a MeshConfig can have, and no other rows. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isRecord } from "../../src/core/model/fields.ts";
import { DEFINITIONS } from "./definitions.ts";
import { DEPLOY } from "./documents.ts";

function fieldsOf(schema: unknown, path: readonly string[] = []): readonly string[] {
  const properties = isRecord(schema) ? schema["properties"] : undefined;
  if (!isRecord(properties)) return [path.join(".")];
  return Object.entries(properties).flatMap(([name, inner]) => fieldsOf(inner, [...path, name]));
}

function rowsOfGuide(): readonly string[] {
  let section = "";
  return readFileSync(join(DEPLOY, "guides/mesh-config.md"), "utf8")
    .split("\n")
    .flatMap((line) => {
      section = /^## (\w+)$/.exec(line)?.[1] ?? section;
      const field = /^\| `([\w.]+)` \|.*\|.*\|$/.exec(line)?.[1];
      return field === undefined ? [] : [`${section}.${field}`];
    });
}

describe("guide to the MeshConfig", () => {
  it("has every field of the definition", () => {
    const versions = DEFINITIONS.find(({ kind }) => kind === "MeshConfig")?.versions ?? [];
    const schema = versions.find(({ storage }) => storage)?.schema["properties"];
    const fields = fieldsOf(isRecord(schema) ? schema["spec"] : undefined);
    assert.ok(fields.length > 50, fields.join());
    assert.deepEqual(rowsOfGuide().toSorted(), fields.toSorted());
  });
});
