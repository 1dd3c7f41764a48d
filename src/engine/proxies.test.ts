import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createProxyRegistry } from "./proxies.ts";

const clock = { now: () => 42, after: () => () => {} };

describe("proxy registry", () => {
  it("knows a proxy by its newest stream, until its last one ends", () => {
    const registry = createProxyRegistry(clock, () => {});
    registry.connected({ id: 1, proxy: "p", protocol: "sotw" });
    registry.connected({ id: 2, proxy: "p", protocol: "delta" });
    assert.equal(registry.read("p")?.protocol, "delta");
    registry.disconnected({ id: 2, proxy: "p", protocol: "delta" });
    assert.deepEqual(registry.read("p"), {
      key: "p",
      since: 42,
      protocol: "sotw",
      acknowledged: new Map(),
      rejections: [],
    });
    registry.disconnected({ id: 1, proxy: "p", protocol: "sotw" });
    assert.equal(registry.read("p"), undefined);
  });

  it("keeps a rejection until something newer of the type is accepted", () => {
    const registry = createProxyRegistry(clock, () => {});
    registry.connected({ id: 1, proxy: "p", protocol: "delta" });
    const rejection = { kind: "route", version: "v1", names: ["r"], message: "no" } as const;
    registry.rejected({ proxy: "p", ...rejection });
    registry.acknowledged({ proxy: "p", kind: "listener", version: "l1" });
    assert.deepEqual(registry.read("p")?.rejections, [rejection]);
    registry.acknowledged({ proxy: "p", kind: "route", version: "v2" });
    assert.deepEqual(registry.read("p")?.rejections, []);
    assert.deepEqual(
      [...(registry.read("p")?.acknowledged ?? [])],
      [
        ["listener", "l1"],
        ["route", "v2"],
      ],
    );
  });
});
