/** Laws of the compiler, in meshes of all sorts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { keyOf } from "../../src/core/base/ref.ts";
import { createCompiler } from "../../src/engine/compile.ts";
import { SEND_ORDER } from "../../src/xds/resource.ts";
import { anyWorld, PROBES } from "./any-world.ts";
import { compileObjects, compileWith, SETTINGS, snapshotOf, TRUST, withEndpoints } from "./compiled.ts";
import { namespace, pod, type RawObject, routes, service, split, target } from "./objects.ts";
import { type World, world } from "./world.ts";

/** By pod, then by type: hashes over all bytes of the type. */
type Versions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What every proxy would be sent. */
function versionsOf(objects: readonly RawObject[]): Versions {
  const compiler = createCompiler(SETTINGS);
  const { proxies } = compileWith(compiler, snapshotOf(objects).snapshot);
  return Object.fromEntries(
    [...proxies.values()].map(({ pod: { meta }, ir }) => {
      const resources = compiler.render(ir, TRUST);
      return [keyOf(meta), Object.fromEntries(SEND_ORDER.map((kind) => [kind, resources[kind].version]))];
    }),
  );
}

/** `LAW_RUNS=1000` looks longer. */
function holds<T>(property: fc.IRawProperty<T>, usualRuns = 15): void {
  fc.assert(property, { numRuns: Number(process.env["LAW_RUNS"] ?? usualRuns) });
}

describe("every mesh", () => {
  it("compiles to configurations in which every name exists, once", () => {
    holds(
      fc.property(anyWorld(), (objects) => {
        // Throws by itself.
        compileObjects(objects);
      }),
    );
  });

  it("compiles to the same bytes, whatever the order of its objects", () => {
    const shuffled = anyWorld()
      .map(withEndpoints)
      .chain((objects) =>
        fc.tuple(fc.constant(objects), fc.shuffledSubarray([...objects], { minLength: objects.length })),
      );
    holds(
      fc.property(shuffled, ([objects, other]) => {
        assert.deepEqual(versionsOf(other), versionsOf(objects));
      }),
    );
  });

  it("compiles to the same findings, whatever the order of its objects", () => {
    holds(
      fc.property(anyWorld(), (objects) => {
        assert.deepEqual(findingsOf([...objects].reverse()), findingsOf(objects));
      }),
    );
  });
});

function findingsOf(objects: readonly RawObject[]): unknown {
  return compileWith(createCompiler(SETTINGS), snapshotOf(withEndpoints(objects)).snapshot).findings;
}

describe("bytes stay the same", () => {
  it("when an object changes in what the mesh does not read", () => {
    holds(
      fc.property(anyWorld(), fc.nat(), (objects, pick) => {
        const index = pick % objects.length;
        const touched = objects.map((one, i) => (i === index ? stamped(one) : one));
        assert.deepEqual(versionsOf(withEndpoints(touched)), versionsOf(withEndpoints(objects)));
      }),
    );
  });

  it("when something is added outside the mesh", () => {
    const outside = [
      namespace("lab", { mesh: false }),
      pod("lab/a", { account: "red", labels: { app: "a" } }),
      service("lab/s0", 80, { selector: { app: "a" } }),
      routes("lab/g", { all: {} }),
      target("lab/t", { to: "red", from: ["n0/red"], http: { g: ["all"] } }),
      split("lab/x", "s0", { s1: 1 }),
    ];
    holds(
      fc.property(anyWorld(), (objects) => {
        assert.deepEqual(versionsOf(withEndpoints([...objects, ...outside])), versionsOf(withEndpoints(objects)));
      }),
    );
  });

  const broken: readonly (readonly [string, RawObject])[] = [
    [
      "a TrafficTarget that cannot be read",
      { ...target("n0/bad", { to: "red", from: ["n0/red"] }), spec: { rules: 7 } },
    ],
    [
      "a TrafficTarget in the wrong namespace",
      {
        ...target("n1/bad", { to: "red", from: ["n0/red"], http: { g: ["all"] } }),
        metadata: { name: "bad", namespace: "n0" },
      },
    ],
    ["a TrafficSplit without a root", split("n0/bad", "nothing", { s0: 1 })],
    [
      "a TrafficSplit that cannot be read",
      { ...split("n0/bad", "s0", {}), spec: { service: "s0", backends: [{ service: "s1", weight: -1 }] } },
    ],
    ["an HTTPRouteGroup with a pattern that is none", routes("n0/bad", { m: { pathRegex: "/(" } })],
    ["a Service with a port that is none", service("n0/bad", [{ port: 70_000 }])],
    ["an object of no kind", { kind: "" }],
  ];
  for (const [what, object] of broken) {
    it(`when ${what} is added`, () => {
      const more = fc.property(anyWorld(), (objects) => {
        assert.deepEqual(versionsOf([...withEndpoints(objects), object]), versionsOf(withEndpoints(objects)));
      });
      holds(more, 5);
    });
  }

  it("but for endpoints, when a pod of Services with cluster addresses becomes ready or ceases to be", () => {
    holds(
      fc.property(anyWorld({ headless: false }), fc.nat({ max: 5 }), (objects, pick) => {
        const index = objects.findIndex((one) => one.kind === "Pod") + pick;
        const toggled = objects.map((one, i) => (i === index && one.kind === "Pod" ? otherwiseReady(one) : one));
        const [before, after] = [objects, toggled].map((all) => versionsOf(withEndpoints(all)));
        assert.deepEqual(withoutEndpoints(after), withoutEndpoints(before));
      }),
    );
  });
});

function stamped(raw: RawObject): RawObject {
  const metadata = { ...(raw["metadata"] as object), resourceVersion: "12", annotations: { note: "hello" }, uid: "u" };
  return { ...raw, metadata, status: raw["status"] ?? {} };
}

function otherwiseReady(raw: RawObject): RawObject {
  const status = raw["status"] as { readonly conditions: readonly { readonly status: string }[] };
  const conditions = status.conditions.map((one) => ({ ...one, status: one.status === "True" ? "False" : "True" }));
  return { ...raw, status: { ...status, conditions } };
}

function withoutEndpoints(versions: Versions | undefined): Versions {
  const kept = ({ endpoints: _, ...others }: Readonly<Record<string, string>>) => others;
  return Object.fromEntries(Object.entries(versions ?? {}).map(([name, kinds]) => [name, kept(kinds)]));
}

describe("access", () => {
  const meshes = anyWorld({ permissive: false, egress: false });

  it("is there at all in the meshes looked at", () => {
    const some = fc.sample(meshes, { seed: 1, numRuns: 20 }).map((objects) => granted(world(...objects), objects).size);
    assert.ok(some.filter((size) => size > 0).length > 5, `allowed calls: ${some}`);
  });

  it("is never widened by taking a TrafficTarget away", () => {
    holds(
      fc.property(meshes, fc.nat(), (objects, pick) => {
        const targets = objects.filter(({ kind }) => kind === "TrafficTarget");
        const lost = targets[pick % Math.max(1, targets.length)];
        const fewer = objects.filter((one) => one !== lost);
        assertNoWider(world(...objects), world(...fewer), objects);
      }),
    );
  });

  it("is never widened by taking a source away from a TrafficTarget", () => {
    holds(
      fc.property(meshes, (objects) => {
        const fewer = objects.map((one) => (one.kind === "TrafficTarget" ? withoutFirstSource(one) : one));
        assertNoWider(world(...objects), world(...fewer), objects);
      }),
    );
  });

  it("is nobody's without TrafficTargets, with a hand-made client either", () => {
    holds(
      fc.property(meshes, (objects) => {
        const none = objects.filter(({ kind }) => kind !== "TrafficTarget");
        assert.deepEqual([...granted(world(...none), none)], []);
      }),
    );
  });
});

function withoutFirstSource(raw: RawObject): RawObject {
  const spec = raw["spec"] as { readonly sources: readonly unknown[] };
  return { ...raw, spec: { ...spec, sources: spec.sources.slice(1) } };
}

function assertNoWider(before: World, after: World, objects: readonly RawObject[]): void {
  const allowed = granted(before, objects);
  for (const call of granted(after, objects)) assert.ok(allowed.has(call), `was not allowed before: ${call}`);
}

/** All calls that reach an application: through the caller's proxy, and by a hand-made client with its certificate. */
function granted(mesh: World, objects: readonly RawObject[]): ReadonlySet<string> {
  const hosts = objects.filter(({ kind }) => kind === "Service").map(hostOf);
  const callers = [...mesh.configs.keys()];
  const calls = callers.flatMap((from) => hosts.flatMap((host) => PROBES.map((probe) => ({ from, host, probe }))));
  const found = calls.flatMap(({ from, host, probe }) => {
    const request = probe.replace("HOST", host);
    const direct = request.replace(":80/", ":8080/");
    return [
      ...endingsOf(mesh, from, request).map((ending) => `${from} ${request}: ${ending}`),
      ...callers
        .map((to) => `${from} by hand ${direct}: ${mesh.intrude(from, to, `${host}.svc.cluster.local`, direct)}`)
        .filter((text) => /: (200|open) /.test(text)),
    ];
  });
  return new Set(found);
}

/** Endings at an application of the mesh. Pods without a sidecar are open to all the world, the mesh cannot help it. */
function endingsOf(mesh: World, from: string, request: string): readonly string[] {
  const { hostname } = new URL(request.replace(/^[A-Z]+ /, ""));
  const texts = mesh.resolves(from, hostname) ? mesh.endings(from, request).map(({ text }) => text) : [];
  return texts.filter((text) => /^(200|open) /.test(text));
}

function hostOf(raw: RawObject): string {
  const { namespace: space, name } = raw["metadata"] as { readonly namespace: string; readonly name: string };
  return `${name}.${space}`;
}
