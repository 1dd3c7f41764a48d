/**
 * How long one push to N proxies takes until all have acknowledged it.
 *
 * `bun bench/push.ts [proxies] [clusters]`. Server and clients share the process and its CPU time, so the figures are
 * an upper bound. Every proxy has a mutual TLS connection and a delta stream of its own.
 *
 * @module
 */
import { cpus } from "node:os";
import { groupOf, type ProxyResources } from "../src/xds/resource.ts";
import { Connection, DeltaStream } from "../test/support/xds-client.ts";
import { resources, startWorld, text } from "../test/support/xds-world.ts";

const PROXIES = Number(process.argv[2] ?? 500);
const CLUSTERS = Number(process.argv[3] ?? 100);
/** About what a cluster with mutual TLS takes. */
const CLUSTER_BYTES = 600;
const AT_ONCE = 20;
const PUSHES = 5;

function configuration(round: number): ProxyResources {
  const clusters = Array.from({ length: CLUSTERS }, (_, i) =>
    text(`cluster-${i}`, `${i === 0 ? round : 0}`.padEnd(CLUSTER_BYTES, ".")),
  );
  return { ...resources({}), cluster: groupOf("cluster", clusters) };
}

function rss(): string {
  return `${Math.round(process.memoryUsage.rss() / 1e6)} MB`;
}

function percentile(sorted: readonly number[], ratio: number): string {
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? 0).toFixed(1)} ms`;
}

const world = await startWorld();
const leaf = await world.root.issue("bench");
const idle = rss();
const names = Array.from({ length: PROXIES }, (_, i) => `proxy-${i}`);
const own = await Promise.all(names.map((name) => world.root.issue(name)));

async function connect(i: number): Promise<DeltaStream> {
  const connection = await Connection.open({
    port: world.server.port,
    leaf: own[i] ?? leaf,
    trustedRoot: world.root.pem,
  });
  return new DeltaStream(connection);
}

const started = performance.now();
const first = configuration(0);
for (const name of names) world.cache.publish(name, first);
const streams: DeltaStream[] = [];
for (let i = 0; i < PROXIES; i += AT_ONCE) {
  const batch = await Promise.all(names.slice(i, i + AT_ONCE).map((_, j) => connect(i + j)));
  for (const stream of batch) stream.send("cluster");
  await Promise.all(batch.map((stream) => stream.accept("cluster")));
  streams.push(...batch);
}
const connected = performance.now() - started;
const bytesFirst = world.records.sentAll.reduce((sum, one) => sum + one.bytes, 0);

const latencies: number[] = [];
for (let round = 1; round <= PUSHES; round++) {
  const next = configuration(round);
  let acknowledged = 0;
  const begun = performance.now();
  world.records.acknowledged = () => {
    acknowledged += 1;
    latencies.push(performance.now() - begun);
  };
  for (const name of names) world.cache.publish(name, next);
  await Promise.all(streams.map((stream) => stream.accept("cluster")));
  while (acknowledged < PROXIES) await new Promise((resolve) => setTimeout(resolve, 1));
}
latencies.sort((a, b) => a - b);

const [cpu] = cpus();
const runtime = "Deno" in globalThis ? "deno" : `bun ${process.versions["bun"] ?? ""}`;
console.log(`machine: ${cpu?.model ?? "unknown"}, ${cpus().length} cores, ${runtime}`);
console.log(
  `${PROXIES} proxies connected and configured (${CLUSTERS} clusters, ${(bytesFirst / 1e6).toFixed(1)} MB): ${connected.toFixed(0)} ms`,
);
console.log(
  `one changed cluster to all, until acknowledged: p50 ${percentile(latencies, 0.5)}, p99 ${percentile(latencies, 0.99)}`,
);
console.log(`resident: ${idle} before, ${rss()} with all streams (clients included)`);
process.exit(0);
