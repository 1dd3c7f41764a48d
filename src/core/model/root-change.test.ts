import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeshRootCertificate, type RootRole } from "./mesh-root-certificate.ts";
import { rootFaults } from "./root-change.ts";

function root(name: string, role: RootRole, change: object = {}): MeshRootCertificate {
  const provider = { tresor: { ca: { secretRef: { name: "a", namespace: "b" } } } };
  const parsed = MeshRootCertificate.parse({ metadata: { name, namespace: "b" }, spec: { role, provider, ...change } });
  assert.ok(parsed.ok);
  return parsed.value;
}

function others(roles: readonly RootRole[]): readonly MeshRootCertificate[] {
  return roles.map((role, i) => root(`other${i}`, role));
}

describe("a new root", () => {
  const cases: readonly (readonly [RootRole, readonly RootRole[], boolean])[] = [
    ["active", [], true],
    ["passive", ["active"], true],
    ["active", ["passive", "inactive"], true],
    ["inactive", ["active", "active"], true],
    ["active", ["active"], false],
    ["passive", ["active", "passive"], false],
    ["passive", ["active", "active"], false],
  ];
  for (const [role, roles, may] of cases) {
    it(`${may ? "may" : "may not"} be ${role} beside [${roles}]`, () => {
      const faults = rootFaults({ before: undefined, after: root("new", role), others: others(roles) });
      assert.deepEqual([faults.length, faults.every(({ path }) => path === "spec.role")], [may ? 0 : 1, true]);
    });
  }
});

describe("a root in use", () => {
  const cases: readonly (readonly [RootRole, RootRole, readonly RootRole[], boolean])[] = [
    ["passive", "active", ["active"], true],
    ["active", "passive", ["active"], true],
    ["passive", "inactive", ["active"], true],
    // What is wrong already is no reason to keep somebody from its labels.
    ["passive", "passive", [], true],
    ["active", "passive", [], false],
    ["active", "passive", ["passive"], false],
    ["active", "passive", ["inactive"], false],
    ["active", "inactive", ["active"], false],
    // Back into use, as a new one: OSM let it, and proxies prove that they trust it before it signs.
    ["inactive", "passive", ["active"], true],
    ["inactive", "passive", ["active", "active"], false],
    ["inactive", "passive", [], false],
    ["inactive", "active", ["active"], false],
    ["inactive", "active", [], false],
    ["passive", "inactive", [], false],
    ["passive", "active", ["active", "active"], false],
  ];
  for (const [from, to, roles, may] of cases) {
    it(`${may ? "may" : "may not"} go from ${from} to ${to} beside [${roles}]`, () => {
      const faults = rootFaults({ before: root("one", from), after: root("one", to), others: others(roles) });
      assert.deepEqual([faults.length, faults.every(({ path }) => path === "spec.role")], [may ? 0 : 1, true]);
    });
  }

  const vault = {
    host: "v",
    port: 1,
    role: "r",
    protocol: "http",
    token: { secretKeyRef: { name: "a", key: "b", namespace: "c" } },
  };
  for (const [field, change] of [
    ["provider", { provider: { vault } }],
    ["trustDomain", { trustDomain: "other.domain" }],
    ["spiffeEnabled", { spiffeEnabled: true }],
  ] as const) {
    it(`keeps its ${field}`, () => {
      const faults = rootFaults({ before: root("one", "active"), after: root("one", "active", change), others: [] });
      assert.deepEqual(
        faults.map(({ path }) => path),
        [`spec.${field}`],
      );
    });
  }

  it("is rotated by the steps that OSM's users know, and back", () => {
    const steps: readonly (readonly [string, RootRole | undefined, RootRole])[] = [
      ["new", undefined, "passive"],
      ["new", "passive", "active"],
      ["old", "active", "passive"],
      ["old", "passive", "inactive"],
      ["old", "inactive", "passive"],
      ["old", "passive", "active"],
      ["new", "active", "passive"],
      ["new", "passive", "inactive"],
    ];
    const roots = new Map([["old", root("old", "active")]]);
    for (const [name, from, to] of steps) {
      const before = from === undefined ? undefined : roots.get(name);
      assert.equal(before?.role, from);
      const rest = [...roots.values()].filter(({ meta }) => meta.name !== name);
      assert.deepEqual(rootFaults({ before, after: root(name, to), others: rest }), []);
      roots.set(name, root(name, to));
    }
  });
});
