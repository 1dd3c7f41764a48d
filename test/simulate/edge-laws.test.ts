/** Whatever Egress objects and IngressBackends say, and however they are in each other's way: Envoy takes the listeners. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { anyWorld } from "./any-world.ts";
import { compileObjects } from "./compiled.ts";
import type { RawObject } from "./objects.ts";

const runs = { numRuns: Number(process.env["LAW_RUNS"] ?? 25) };

describe("the edge of the mesh", () => {
  it("makes no two chains that match alike, and names nothing that is not there", () => {
    const law = fc.property(anyWorld({ edge: true, egress: false }), (objects) => {
      compileObjects(objects); // throws where it does not hold together
    });
    fc.assert(law, runs);
  });

  it("is the same whatever the order in which objects were told", () => {
    const law = fc.property(anyWorld({ edge: true, egress: false }), (objects) => {
      const [one, other] = [objects, objects.toReversed()].map((order) => compileObjects(order));
      for (const [pod, config] of one?.configs ?? []) assert.deepEqual(other?.configs.get(pod), config, pod);
      assert.deepEqual(new Set(other?.findings), new Set(one?.findings));
    });
    fc.assert(law, runs);
  });

  it("takes nothing away from callers in the mesh", () => {
    const law = fc.property(anyWorld({ edge: true, egress: false }), (objects) => {
      const bare = objects.filter(({ kind }) => kind !== "Egress" && kind !== "IngressBackend");
      const chains = chainNames(objects);
      for (const name of chainNames(bare)) assert.ok(chains.has(name), name);
    });
    fc.assert(law, runs);
  });
});

/** `pod chain` of all proxies. */
function chainNames(objects: readonly RawObject[]): ReadonlySet<string> {
  const { configs } = compileObjects(objects);
  return new Set(
    [...configs].flatMap(([pod, { listeners }]) =>
      listeners.flatMap(({ filterChains }) => filterChains.map(({ name }) => `${pod} ${name}`)),
    ),
  );
}
