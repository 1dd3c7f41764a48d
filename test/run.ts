/**
 * Runs all suites of `npm test` and adds up what they counted. One runs after the other, but for those that mostly wait.
 *
 * Each suite writes a JUnit report, so that the figures are the runners' own. A suite that ran nothing has failed:
 * a runner that finds no tests and exits green is the classic trap.
 *
 * Names of suites as arguments run these alone: `bun test/run.ts envoy`.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { envoyBinary } from "../src/local/tools/envoy.ts";

interface Suite {
  readonly name: string;
  readonly runner: "bun" | "deno";
  readonly paths: readonly string[];
  /** Needs a real Envoy and the right to make network namespaces. */
  readonly real?: boolean;
  /** Runs only if it is named. */
  readonly apart?: boolean;
  /** Runs at the same time as the one before it, since it mostly waits. */
  readonly beside?: boolean;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const PURE = ["src", "test/arch", "test/deploy", "test/golden", "test/simulate", "test/protocol"];

const isUnderLoad = (file: string): boolean => /^(resilience|rotation)\.test\.ts$/.test(file);
const ENVOY = readdirSync("test/envoy").filter((file) => file.endsWith(".test.ts"));
const inEnvoy = (file: string): string => `test/envoy/${file}`;

const inCluster = (name: string): string => `test/cluster/${name}`;

const SUITES: readonly Suite[] = [
  { name: "pure", runner: "bun", paths: PURE },
  { name: "deno", runner: "deno", paths: PURE },
  { name: "executable", runner: "bun", paths: ["test/runtime"], real: true },
  { name: "local", runner: "bun", paths: ["test/local-runtime"], real: true },
  { name: "envoy", runner: "bun", paths: ENVOY.filter((file) => !isUnderLoad(file)).map(inEnvoy), real: true },
  // Minutes of steady load, while the control plane is killed and certificates and roots change.
  { name: "load", runner: "bun", paths: ENVOY.filter(isUnderLoad).map(inEnvoy), real: true, beside: true },
  // Against the Vault and the cert-manager that the environment names: `npm run test:pki`. OpenBao passes for a Vault.
  { name: "pki", runner: "bun", paths: ["test/pki"], apart: true },
  { name: "vault", runner: "bun", paths: ["test/pki/vault.test.ts"], apart: true },
  // Against the cluster that KUBECONFIG names, with the images of `npm run image` loaded: `npm run test:cluster`.
  {
    name: "cluster",
    runner: "bun",
    paths: ["deploy", "fuzz", "outage", "pods", "replicas", "source", "traffic"].map(inCluster),
    apart: true,
  },
  // Takes the mesh away and installs it anew over objects of OSM 1.2, so it has a process, and a turn, of its own.
  { name: "takeover", runner: "bun", paths: [inCluster("upgrade")], apart: true },
  // The root is changed under load, by commands and by roles: `npm run test:cluster -- rotation` adds it.
  { name: "rotation", runner: "bun", paths: ["rotation.test", "rotation-roles"].map(inCluster), apart: true },
  // It moves between authorities. Needs a Vault that pods reach, and cert-manager in the cluster.
  { name: "authorities", runner: "bun", paths: [inCluster("rotation-authorities")], apart: true },
  // Vault is away for minutes. Needs power over it.
  { name: "vault-away", runner: "bun", paths: [inCluster("vault-away")], apart: true },
  // Numbers of pods: for a machine that does nothing else. `npm run test:cluster -- endurance` adds it.
  { name: "endurance", runner: "bun", paths: [inCluster("scale")], apart: true },
];

const folder = mkdtempSync(join(tmpdir(), "osm-test-"));

/** @param held - What it prints is shown when it has ended. */
async function run({ name, runner, paths }: Suite, env: NodeJS.ProcessEnv, held: boolean): Promise<Count> {
  const report = join(folder, `${name}.xml`);
  const argv =
    runner === "bun"
      ? [
          "node_modules/.bin/bun",
          "test",
          "--timeout=600000",
          "--reporter=junit",
          `--reporter-outfile=${report}`,
          ...paths,
        ]
      : ["node_modules/.bin/deno", "test", "-A", "--no-check", "--quiet", `--junit-path=${report}`, ...paths];
  const title = `\n=== ${name}: ${runner} test ${paths.join(" ")}`;
  const log = join(folder, `${name}.log`);
  const out = held ? openSync(log, "w") : "inherit";
  if (!held) console.log(title);
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, { stdio: ["ignore", out, out], env: { ...process.env, ...env } });
  const [status] = (await once(child, "exit")) as [number | null];
  if (out !== "inherit") {
    closeSync(out);
    console.log(`${title}\n${readText(log)}`);
  }
  return checked(name, status, count(report));
}

/** Sums the outermost elements' attributes; both runners write them. */
function count(report: string): Count {
  const xml = readText(report);
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const figure = (attribute: string) => Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = figure("failures") + figure("errors");
  const skipped = head.includes("skipped=") ? figure("skipped") : (xml.match(/<skipped\b/g)?.length ?? 0);
  return { failed, skipped, passed: figure("tests") - failed - skipped };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function checked(name: string, status: number | null, found: Count): Count {
  if (found.passed + found.failed + found.skipped === 0) {
    console.error(`${name}: no test ran (exit ${status}), which counts as a failure`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  // A crash after the last test, or a file that does not load, is no pass either.
  return status !== 0 && found.failed === 0 ? { ...found, failed: 1 } : found;
}

async function findEnvoy(): Promise<string | undefined> {
  try {
    return await envoyBinary();
  } catch (error) {
    console.error(`NO ENVOY: ${(error as Error).message}`);
    return undefined;
  }
}

/** Those that run at the same time. */
function batches(suites: readonly Suite[]): readonly (readonly Suite[])[] {
  const found: Suite[][] = [];
  for (const suite of suites) {
    const last = found.at(-1);
    if (suite.beside && last !== undefined) last.push(suite);
    else found.push([suite]);
  }
  return found;
}

function runOrSkip(suite: Suite, place: number): Promise<Count> {
  if (!suite.real || envoy !== undefined) return run(suite, envoy === undefined ? {} : { ENVOY_BIN: envoy }, place > 0);
  console.error(`\n!!! SKIPPED: suite ${suite.name} needs a real Envoy, and none could be had (see above)`);
  return Promise.resolve({ passed: 0, failed: 0, skipped: 1 });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0)
  throw new Error(`no suite ${unknown.join(", ")}: there are ${SUITES.map(({ name }) => name).join(", ")}`);

const envoy = await findEnvoy();
const chosen = SUITES.filter(({ name, apart }) => (wanted.length === 0 ? apart !== true : wanted.includes(name)));
const counts: Count[] = [];
for (const batch of batches(chosen)) counts.push(...(await Promise.all(batch.map(runOrSkip))));
rmSync(folder, { recursive: true, force: true });

const total = (key: keyof Count) => counts.reduce((sum, one) => sum + one[key], 0);
console.log(`\n${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`);
process.exitCode = total("failed") > 0 ? 1 : 0;
