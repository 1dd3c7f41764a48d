/**
 * `npm run manifests`: writes `deploy/osm.yaml` and `deploy/ha.yaml`.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { manifestFiles } from "./manifest/files.ts";

for (const [name, text] of Object.entries(manifestFiles())) {
  const path = join(import.meta.dirname, "..", name);
  writeFileSync(path, text);
  console.log(`${path}: ${text.split("\n").length - 1} lines`);
}
