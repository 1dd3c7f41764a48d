/** Compiling change by change, as the engine does, against compiling from nothing: nothing may be left over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createCompiler } from "../../src/engine/compile.ts";
import { createStore } from "../../src/engine/store.ts";
import { SEND_ORDER } from "../../src/xds/resource.ts";
import { anyWorld } from "./any-world.ts";
import { compileWith, SETTINGS, snapshotOf, TRUST, withEndpoints } from "./compiled.ts";
import {
  meshConfig,
  named,
  namespace,
  PERMISSIVE,
  pod,
  type RawObject,
  retry,
  routes,
  SMI,
  service,
  split,
  target,
  upstreamSetting,
  uuidOf,
} from "./objects.ts";

const FEW = { tcp: { maxConnections: 1 } };
const REQUEST = "openservicemesh.io/request-timeout";

/** Objects by kind, namespace and name. */
type Objects = ReadonlyMap<string, RawObject>;

function keyed(objects: readonly RawObject[]): Objects {
  return new Map(objects.map((one) => [keyOfRaw(one), one]));
}

function keyOfRaw({ kind, metadata }: RawObject & { readonly metadata?: unknown }): string {
  const { namespace = "", name } = metadata as { readonly namespace?: string; readonly name: string };
  return `${kind}/${namespace}/${name}`;
}

/** A mesh that changes: each state differs from the one before in one object, as in the first or the second world, or gone. */
const history = fc
  .tuple(
    anyWorld({ edge: true, limits: true }),
    anyWorld({ edge: true, limits: true }),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom("first", "second", "gone")), { minLength: 3, maxLength: 8 }),
  )
  .map(([one, two, steps]) => {
    const worlds = { first: keyed(one), second: keyed(two), gone: new Map<string, RawObject>() };
    const keys = [...new Set([...worlds.first.keys(), ...worlds.second.keys()])];
    const states: Objects[] = [worlds.first];
    for (const [pick, from] of steps) {
      const key = keys[pick % keys.length] ?? "";
      const next = new Map(states[states.length - 1]);
      const object = worlds[from].get(key);
      if (object === undefined) next.delete(key);
      else next.set(key, object);
      states.push(next);
    }
    return states;
  });

/** One store and one compiler for a whole history. */
function createEngine() {
  const store = createStore(() => {});
  const compiler = createCompiler(SETTINGS);
  let known: Objects = new Map();
  return (state: Objects) => {
    const next = keyed(withEndpoints([...state.values()]));
    for (const key of known.keys()) {
      const [kind = "", namespace = "", name = ""] = key.split("/");
      if (!next.has(key)) store.remove({ kind, namespace, name });
    }
    for (const object of next.values()) store.apply(object);
    known = next;
    return resultOf(compiler, compileWith(compiler, store.snapshot()));
  };
}

function fromNothing(state: Objects) {
  const compiler = createCompiler(SETTINGS);
  return resultOf(compiler, compileWith(compiler, snapshotOf(withEndpoints([...state.values()])).snapshot));
}

function resultOf(compiler: ReturnType<typeof createCompiler>, mesh: ReturnType<typeof compileWith>) {
  const bytes = [...mesh.proxies.values()].map(({ uuid, ir }) => {
    const resources = compiler.render(ir, TRUST);
    return [uuid, SEND_ORDER.map((kind) => `${kind} ${resources[kind].version}`)] as const;
  });
  const irs = new Map([...mesh.proxies.values()].map(({ uuid, ir }) => [uuid, ir]));
  return { told: { bytes: Object.fromEntries(bytes), findings: mesh.findings }, irs };
}

const runs = { numRuns: Number(process.env["LAW_RUNS"] ?? 8) };

describe("a compile after a change", () => {
  it("gives the bytes and findings of a compile from nothing", { timeout: 60_000 }, () => {
    const law = fc.property(history, (states) => {
      const compile = createEngine();
      for (const state of states) assert.deepEqual(compile(state).told, fromNothing(state).told);
    });
    fc.assert(law, runs);
  });

  // Drawn meshes seldom have a split whose parts all exist.
  it("gives the same through the life of a split", () => {
    const shop = [PERMISSIVE, namespace("shop"), ...["a", "b", "c"].flatMap(served), split("shop/y", "c", { a: 1 })];
    const compile = createEngine();
    for (const one of [undefined, { b: 1 }, { b: 1, c: 1 }, { b: 1, c: 9 }, { c: 1 }, { gone: 1 }, undefined]) {
      const state = keyed(one === undefined ? shop : [...shop, split("shop/x", "a", one)]);
      assert.deepEqual(compile(state).told, fromNothing(state).told, JSON.stringify(one));
    }
  });

  it("gives the same through the life of limits, retries and times", () => {
    const flags = { enableRetryPolicy: true };
    const config = (more: object = {}) =>
      meshConfig({ ...more, enablePermissiveTrafficPolicyMode: true, enableEgress: false }, flags);
    const shop = (...objects: readonly RawObject[]) => [namespace("shop"), ...["a", "b"].flatMap(served), ...objects];
    const limit = (requests: number, createdAt = "2024-01-02T00:00:00Z") =>
      upstreamSetting(
        "shop/u",
        { host: "b", rateLimit: { local: { http: { requests, unit: "minute" } } }, connectionSettings: FEW },
        createdAt,
      );
    const again = (numRetries: number) =>
      retry("shop/r", { from: "shop/a", to: ["shop/b"], policy: { retryOn: "5xx", numRetries } });
    const older = upstreamSetting("shop/o", { host: "b.shop" }, "2024-01-01T00:00:00Z");
    const patient = { ...service("shop/b", 80), metadata: { ...named("shop/b"), annotations: { [REQUEST]: "9s" } } };
    const states = [
      shop(config()),
      shop(config(), limit(1)),
      shop(config(), limit(2)),
      shop(config(), limit(2), older),
      shop(config(), limit(2), again(1)),
      shop(config(), limit(2), again(3)),
      shop(config({ requestTimeout: "3s" }), again(3)),
      shop(config({ requestTimeout: "3s" }), patient),
      shop(config({ idleTimeout: "0s" })),
      shop(config({ outlierDetection: {} })),
      shop(config()),
    ].map(keyed);
    const compile = createEngine();
    const seen = new Set<string>();
    for (const state of states) {
      const { told } = compile(state);
      assert.deepEqual(told, fromNothing(state).told);
      seen.add(JSON.stringify(told.bytes));
    }
    // Each says something else to the proxies, but for the last, and where an older object without limits takes over.
    assert.equal(seen.size, states.length - 2);
  });

  it("gives every proxy the same value if the change is in what the mesh does not read", () => {
    const law = fc.property(anyWorld(), fc.nat(), (objects, pick) => {
      const compile = createEngine();
      const before = compile(keyed(objects)).irs;
      const index = pick % objects.length;
      const after = compile(keyed(objects.map((one, i) => (i === index ? annotated(one) : one)))).irs;
      for (const [uuid, ir] of before) assert.equal(after.get(uuid), ir, uuid);
    });
    fc.assert(law, runs);
  });

  it("gives another value to the proxies alone that a TrafficTarget is about", () => {
    const shop = [
      SMI,
      namespace("shop"),
      ...["a", "b", "c", "d"].flatMap(served),
      routes("shop/g", { all: {}, api: { pathRegex: "/api" } }),
      target("shop/ab", { to: "b", from: ["shop/a"], http: { g: ["all"] } }),
    ];
    const changed = (...more: readonly RawObject[]) => {
      const compile = createEngine();
      const before = compile(keyed(shop)).irs;
      const after = compile(keyed([...shop, ...more])).irs;
      return ["a", "b", "c", "d"].filter(
        (name) => after.get(uuidOf(`shop/${name}`)) !== before.get(uuidOf(`shop/${name}`)),
      );
    };
    const rules = { http: { g: ["api"] } };
    assert.deepEqual(changed(target("shop/ab", { to: "b", from: ["shop/a"], ...rules })), ["b"]);
    assert.deepEqual(changed(target("shop/cd", { to: "d", from: ["shop/c"], ...rules })), ["c", "d"]);
    assert.deepEqual(changed(routes("shop/g", { all: { methods: ["GET"] } })), ["b"]);
    assert.deepEqual(changed(pod("shop/b2", { account: "b", labels: { app: "b" } })), ["a"]);
  });
});

function served(name: string): readonly RawObject[] {
  return [pod(`shop/${name}`), service(`shop/${name}`, 80)];
}

function annotated(raw: RawObject): RawObject {
  return { ...raw, metadata: { ...(raw["metadata"] as object), annotations: { note: "hello" } } };
}
