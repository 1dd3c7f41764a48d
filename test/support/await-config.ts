/**
 * Waits inside a pod until its Envoy has taken a change: `bun test/support/await-config.ts '<JSON>'`. Begins to count
 * before it writes the file `ready`, so whatever is changed after that is not missed.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { get } from "node:http";

const COUNTERS = {
  clusters: "^cluster_manager.cds.update_success$",
  listeners: "^listener_manager.lds.update_success$",
  routes: "config_reload$",
} as const;
const WARMING = "^(cluster_manager.warming_clusters|listener_manager.total_listeners_warming)$";
const PATIENCE = 20_000;
const PAUSE = 50;

export interface Wanted {
  readonly parts: readonly (keyof typeof COUNTERS)[];
  readonly ready: string;
}

async function sumOf(filter: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(`http://127.0.0.1:15000/stats?filter=${encodeURIComponent(filter)}`, (response) => {
    let text = "";
    response.on("data", (chunk) => (text += String(chunk)));
    response.on("end", () => resolve(text));
  }).on("error", reject);
  const numbers = (await promise).split("\n").map((line) => Number(line.split(": ")[1] ?? 0));
  return numbers.reduce((sum, one) => sum + one, 0);
}

async function main({ parts, ready }: Wanted): Promise<void> {
  const read = () => Promise.all(parts.map((part) => sumOf(COUNTERS[part])));
  const before = await read();
  writeFileSync(ready, "");
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; ) {
    const now = await read();
    if (now.every((count, i) => count > (before[i] ?? 0)) && (await sumOf(WARMING)) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  throw new Error(`no new ${parts.join(", ")} within ${PATIENCE} ms; updates before: ${before.join(", ")}`);
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? "") as Wanted);
