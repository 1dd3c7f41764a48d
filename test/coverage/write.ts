/** `npm run coverage`: writes the table anew. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coverageTable } from "./table.ts";
import { titlesWithRows } from "./titles.ts";

writeFileSync(fileURLToPath(new URL("../envoy/coverage.md", import.meta.url)), coverageTable(titlesWithRows()));
