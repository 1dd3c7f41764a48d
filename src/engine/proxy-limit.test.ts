import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MeshGraph } from "../core/graph/graph.ts";
import { DEFAULT_MESH_CONFIG } from "../core/model/mesh-config.ts";
import { Pod } from "../core/model/pod.ts";
import type { CompiledMesh, CompiledProxy } from "./compile.ts";
import { createProxyLimit } from "./proxy-limit.ts";

const MINUTE = 60_000;

function world(proxies: readonly string[]) {
  const state = { limit: 2, now: 0, connected: new Set<string>(), changes: 0 };
  const clock = { now: () => state.now, after: () => () => {} };
  const compiled = new Map(proxies.map((name) => [name, proxy(name)]));
  const mesh = (): CompiledMesh => {
    const config = {
      ...DEFAULT_MESH_CONFIG,
      sidecar: { ...DEFAULT_MESH_CONFIG.sidecar, maxDataPlaneConnections: state.limit },
    };
    // The limit reads nothing else.
    return { graph: { config } as MeshGraph, proxies: compiled } as unknown as CompiledMesh;
  };
  const registry = {
    count: () => state.connected.size,
    read: (key: string) =>
      state.connected.has(key)
        ? { key, since: 0, protocol: "delta" as const, acknowledged: new Map(), rejections: [] }
        : undefined,
  };
  const limit = createProxyLimit({ clock, registry, mesh, onChange: () => (state.changes += 1) });
  const dial = (name: string) => {
    const reason = limit.refusal(name);
    if (reason === undefined) state.connected.add(name);
    return reason;
  };
  return { state, limit, dial, waiting: () => limit.findings().map(({ message }) => message) };
}

function proxy(name: string): CompiledProxy {
  const pod = Pod.parse({ metadata: { namespace: "shop", name }, spec: { containers: [] } });
  assert.ok(pod.ok);
  return { key: name, uuid: name, pod: pod.value, ir: undefined } as unknown as CompiledProxy;
}

describe("maxDataPlaneConnections", () => {
  it("refuses the one above, names it, and lets it in once it is raised", () => {
    const { state, limit, dial, waiting } = world(["a", "b", "c"]);
    assert.deepEqual([dial("a"), dial("b")], [undefined, undefined]);
    assert.match(dial("c") ?? "", /2 proxies are connected.*raise it/);
    dial("c");
    assert.deepEqual([limit.refusals(), state.changes], [2, 1]);
    assert.match(waiting()[0] ?? "", /^is 2, and all places are taken: shop\/c get no configuration/);
    state.limit = 3;
    assert.deepEqual(waiting(), []);
    assert.equal(dial("c"), undefined);
    state.limit = 1;
    assert.deepEqual(waiting(), [], "those who are in stay, and nobody waits");
  });

  it("lets one that is connected dial again, and one take the place of another", () => {
    const { state, dial, waiting } = world(["a", "b", "c"]);
    for (const name of ["a", "b", "c"]) dial(name);
    assert.equal(dial("a"), undefined);
    state.connected.delete("b");
    assert.deepEqual(waiting(), []);
    assert.equal(dial("c"), undefined);
  });

  it("is no limit at 0", () => {
    const { state, dial } = world([]);
    state.limit = 0;
    for (let i = 0; i < 100; i++) assert.equal(dial(`p${i}`), undefined);
  });

  it("forgets who came no more, and whose pod is gone", () => {
    const { state, dial, waiting } = world(["a", "b", "c"]);
    for (const name of ["a", "b", "c", "gone"]) dial(name);
    assert.match(waiting()[0] ?? "", /: shop\/c get/);
    state.now = 2 * MINUTE;
    assert.deepEqual(waiting(), []);
  });

  it("names ten, and counts the rest", () => {
    const names = Array.from({ length: 30 }, (_, i) => `p${10 + i}`);
    const { dial, waiting } = world(names);
    for (const name of names) dial(name);
    assert.match(waiting()[0] ?? "", /shop\/p21, and 18 more get no configuration/);
  });
});
