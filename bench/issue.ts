/**
 * How many leaves a second one process issues, key and signature included, one after the other and several at once.
 *
 * Run: `bun bench/issue.ts [SECONDS]` or `deno run -A bench/issue.ts [SECONDS]`.
 *
 * @module
 */
import { cpus } from "node:os";
import { Authority } from "../src/ca/authority.ts";
import type { KeyKind } from "../src/ca/keys.ts";
import { makeRoot, openBuiltin } from "../src/ca/providers/builtin.ts";

const SECONDS = Number(process.argv[2] ?? 3);
const LIFE = 24 * 3_600_000;
const KINDS: readonly { readonly label: string; readonly root: KeyKind; readonly leaf: KeyKind }[] = [
  { label: "P-256 leaf, P-256 root", root: { kind: "p256" }, leaf: { kind: "p256" } },
  { label: "P-256 leaf, RSA 2048 root", root: { kind: "rsa", bits: 2048 }, leaf: { kind: "p256" } },
  { label: "RSA 2048 leaf, RSA 2048 root", root: { kind: "rsa", bits: 2048 }, leaf: { kind: "rsa", bits: 2048 } },
];

async function authorityOf(root: KeyKind, leaf: KeyKind): Promise<Authority> {
  const now = () => Date.now();
  const provider = await openBuiltin(await makeRoot({ now: now(), key: root }), now);
  return new Authority({ provider, trustDomain: "cluster.local", now, keys: leaf });
}

/** Issues for `SECONDS` with `lanes` at a time. @returns milliseconds that each issue took. */
async function measure(authority: Authority, lanes: number): Promise<readonly number[]> {
  const took: number[] = [];
  const end = performance.now() + SECONDS * 1000;
  const lane = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      const serviceAccount = { namespace: "bookstore", name: `account-${took.length}` };
      await authority.issue({ kind: "service", serviceAccount }, LIFE);
      took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return took.sort((a, b) => a - b);
}

function at(sorted: readonly number[], ratioOfOne: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratioOfOne))] ?? 0).toFixed(1);
}

const runtime = "Bun" in globalThis ? `Bun ${process.versions["bun"]}` : `Deno ${process.versions["deno"]}`;
console.log(`${runtime}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${SECONDS} s each`);
for (const { label, root, leaf } of KINDS) {
  const authority = await authorityOf(root, leaf);
  for (let warm = 0; warm < 5; warm++) await authority.issue({ kind: "server", dnsNames: ["warm.up"] }, LIFE);
  for (const lanes of [1, 4]) {
    const cpuBefore = process.cpuUsage();
    const took = await measure(authority, lanes);
    const { user, system } = process.cpuUsage(cpuBefore);
    const perCpuSecond = (took.length / ((user + system) / 1e6)).toFixed(0);
    const rate = `${(took.length / SECONDS).toFixed(0)} a second (${perCpuSecond} per CPU second)`;
    console.log(`${label}, ${lanes} at a time: ${rate}; p50 ${at(took, 0.5)} ms, p99 ${at(took, 0.99)} ms`);
  }
}
