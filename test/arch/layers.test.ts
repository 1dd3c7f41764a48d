/** Holds every file of `src` to the table in `layers.ts`: one test a file, so that a failure names it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { LAYERS, type Layer } from "./layers.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"|\bimport\("([^"]+)"\)/g;

const files = readdirSync(join(ROOT, "src"), {
  recursive: true,
  encoding: "utf8",
})
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => join("src", name).split(sep).join("/"))
  .sort();

/** The table's own name for the folder that a file of the repository lives in, longest first. */
function layerOf(path: string): string | undefined {
  if (path.startsWith("gen/")) return "gen";
  const inside = path.replace(/^src\//, "");
  return Object.keys(LAYERS)
    .filter((name) => inside.startsWith(`${name}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function refusal(layerName: string, layer: Layer, path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return localRefusal(layerName, layer, path, specifier);
  if (specifier.startsWith("node:")) {
    return layer.node ? undefined : `${layerName} may not import ${specifier}: it runs anywhere`;
  }
  const known = layer.packages.some((name) => name === "*" || specifier === name || specifier.startsWith(`${name}/`));
  return known ? undefined : `${layerName} may not import the package ${specifier}`;
}

function localRefusal(layerName: string, layer: Layer, path: string, specifier: string): string | undefined {
  const target = relative(ROOT, normalize(join(ROOT, dirname(path), specifier)))
    .split(sep)
    .join("/");
  // What is embedded in the executable: its version and the demo's manifests.
  if (target === "package.json" || target.startsWith("deploy/")) return undefined;
  const other = layerOf(target) ?? "unlisted";
  const allowed = other === layerName || layer.from.includes("*") || layer.from.includes(other);
  return allowed ? undefined : `${layerName} may not import ${other} (${specifier})`;
}

describe("layers", () => {
  it("sees the source tree", () => assert.ok(files.length > 20, `only ${files.length} files seen`));
  for (const path of files) {
    it(path, () => {
      const name = layerOf(path);
      assert.ok(name !== undefined, `${path} is in no layer of the table`);
      const layer = LAYERS[name];
      assert.ok(layer !== undefined);
      const refused = importsOf(path).map((specifier) => refusal(name, layer, path, specifier));
      assert.deepEqual(
        refused.filter((line) => line !== undefined),
        [],
      );
    });
  }
});
