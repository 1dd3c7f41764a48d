/**
 * How long the compiler takes, and how much it makes: `bun bench/compile.ts`.
 *
 * Each mesh is compiled once from nothing and rendered for all proxies, then again after one change. No network, no
 * Envoy; the times are the engine's own work between a change and the bytes that the streams send.
 *
 * @module
 */
import { cpus } from "node:os";
import { type CompiledMesh, createCompiler } from "../src/engine/compile.ts";
import { createStore, type ObjectStore } from "../src/engine/store.ts";
import { type ProxyResources, SEND_ORDER } from "../src/xds/resource.ts";
import { compileWith, SETTINGS, TRUST } from "../test/simulate/compiled.ts";
import { endpointSlices } from "../test/simulate/endpoint-slices.ts";
import { namespace, PERMISSIVE, pod, type RawObject, routes, SMI, service, target } from "../test/simulate/objects.ts";

const PODS_A_SERVICE = 5;
const RUNS = 15;

interface Shape {
  readonly services: number;
  readonly mode: "permissive" | "smi";
}

/** Services of five pods each in ten namespaces; in SMI mode each calls the next one. */
function objectsOf({ services, mode }: Shape): readonly RawObject[] {
  const space = (i: number) => `team-${i % 10}`;
  const all: RawObject[] = [mode === "smi" ? SMI : PERMISSIVE];
  for (let i = 0; i < 10; i++)
    all.push(namespace(`team-${i}`), routes(`team-${i}/routes`, { all: {}, api: { pathRegex: "/api/.*" } }));
  for (let i = 0; i < services; i++) {
    all.push(service(`${space(i)}/svc-${i}`, 8080));
    for (let k = 0; k < PODS_A_SERVICE; k++) all.push(podOf(i, k));
    const caller = (i + services - 1) % services;
    all.push(
      target(`${space(i)}/t-${i}`, {
        to: `svc-${i}`,
        from: [`${space(caller)}/svc-${caller}`],
        http: { routes: ["api"] },
      }),
    );
  }
  return all;

  function podOf(i: number, k: number): RawObject {
    const ip = `10.${i >> 8}.${i & 255}.${k + 1}`;
    return pod(`${space(i)}/svc-${i}-${k}`, { account: `svc-${i}`, labels: { app: `svc-${i}` }, ip });
  }
}

function without(slice: RawObject, count: number): RawObject {
  const endpoints = slice["endpoints"] as readonly unknown[];
  return { ...slice, endpoints: endpoints.slice(count) };
}

class Bench {
  readonly #store: ObjectStore = createStore(() => {});
  readonly #compiler = createCompiler(SETTINGS);
  #last = new Map<string, ProxyResources>();

  apply(objects: readonly RawObject[]): void {
    for (const one of objects) this.#store.apply(one);
  }

  /** Compiles and renders what changed. */
  round(): Round {
    const snapshot = this.#store.snapshot();
    const started = performance.now();
    const mesh: CompiledMesh = compileWith(this.#compiler, snapshot);
    const compiled = performance.now();
    const next = new Map([...mesh.proxies].map(([uuid, { ir }]) => [uuid, this.#compiler.render(ir, TRUST)] as const));
    const rendered = performance.now();
    const sent = bytesBetween(this.#last, next);
    this.#last = next;
    return { compile: compiled - started, render: rendered - compiled, ...sent };
  }
}

interface Round {
  /** Milliseconds. */
  readonly compile: number;
  readonly render: number;
  /** Of resources that are new to a proxy, over all proxies, without certificates. */
  readonly bytes: number;
  readonly proxies: number;
}

function bytesBetween(
  before: ReadonlyMap<string, ProxyResources>,
  after: ReadonlyMap<string, ProxyResources>,
): Pick<Round, "bytes" | "proxies"> {
  let bytes = 0;
  let proxies = 0;
  for (const [uuid, resources] of after) {
    const old = before.get(uuid);
    if (old === resources) continue;
    const fresh = SEND_ORDER.flatMap((kind) =>
      [...resources[kind].byName.values()].filter(
        ({ name, version }) => old?.[kind].byName.get(name)?.version !== version,
      ),
    );
    bytes += fresh.reduce((sum, { body }) => sum + body.byteLength, 0);
    if (fresh.length > 0) proxies += 1;
  }
  return { bytes, proxies };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function line(what: string, rounds: readonly Round[]): void {
  const [first] = rounds;
  const times = [median(rounds.map(({ compile }) => compile)), median(rounds.map(({ render }) => render))];
  const worst = Math.max(...rounds.map(({ compile, render }) => compile + render));
  const numbers = [
    ...times.map((ms) => `${ms.toFixed(1)} ms`),
    `${worst.toFixed(1)} ms`,
    `${first?.proxies ?? 0}`,
    kilobytes(first?.bytes ?? 0),
  ];
  console.log(`| ${[what, ...numbers].join(" | ")} |`);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} kB`;
}

function run(shape: Shape): void {
  const objects = objectsOf(shape);
  const slices = endpointSlices(objects);
  const bench = new Bench();
  bench.apply([...objects, ...slices]);
  const name = `${shape.mode}, ${shape.services * PODS_A_SERVICE} proxies, ${shape.services} services`;
  line(`${name}: first`, [bench.round()]);
  const change = (what: string, changes: (i: number) => readonly RawObject[]) => {
    bench.apply([...objects, ...slices]);
    bench.round();
    const rounds = Array.from({ length: RUNS }, (_, i) => {
      bench.apply(changes(i));
      return bench.round();
    });
    line(`${name}: ${what}`, rounds);
  };
  const [slice] = slices;
  const some = objects.find(({ kind }) => kind === "TrafficTarget");
  if (slice === undefined || some === undefined) throw new Error("the mesh is empty");
  change("one endpoint", (i) => [without(slice, (i + 1) % 2)]);
  const widened = {
    ...some,
    spec: { ...(some["spec"] as object), rules: [{ kind: "HTTPRouteGroup", name: "routes", matches: ["all"] }] },
  };
  change("one TrafficTarget", (i) => [i % 2 === 0 ? widened : some]);
  const note = (i: number) => ({
    ...slice,
    metadata: { ...(slice["metadata"] as object), annotations: { seen: `${i}` } },
  });
  change("nothing that matters", (i) => [note(i)]);
}

const runtime = "Bun" in globalThis ? `Bun ${process.versions["bun"]}` : `Deno ${process.versions["deno"] ?? "?"}`;
console.log(
  `${runtime}, ${cpus().length} x ${cpus()[0]?.model.trim()}; median of ${RUNS} after a first run, and the worst\n`,
);
console.log("| what | compile | render | worst of both | proxies changed | bytes changed |\n|---|---|---|---|---|---|");
for (const services of [100, 200]) for (const mode of ["permissive", "smi"] as const) run({ services, mode });
