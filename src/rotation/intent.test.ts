import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type IntendedRoot, type Intent, intentOf, useOf } from "./intent.ts";
import { advance, type RootRef, type RotationRecord, start, steadyOn } from "./record.ts";

const root = (name: string, store = name): RootRef => ({
  name,
  source: { kind: "builtin", store },
  trustDomain: "cluster.local",
  certificates: [store],
});
const A = root("a");
const B = root("b");
const intended = (roles: Readonly<Record<string, IntendedRoot["role"]>>): readonly IntendedRoot[] =>
  Object.entries(roles).map(([name, role]) => ({ ref: root(name), role }));
const steady = steadyOn(A, 0);
const trusting = start(steady, B, { now: 1, until: "trusting" });
const issuing = advance(trusting, 2);

function applied(intent: Intent, record: RotationRecord): string {
  if (intent.kind === "trouble") return intent.message;
  if (intent.kind === "met") return "met";
  const next = intent.apply(record, intent.opens);
  return next.phase === "steady"
    ? `steady ${next.root.name}`
    : `${next.phase} ${next.from.name}→${next.to.name} until ${next.until}`;
}

describe("roles of MeshRootCertificates", () => {
  const cases: readonly (readonly [string, RotationRecord, Readonly<Record<string, IntendedRoot["role"]>>, string])[] =
    [
      ["one active, which signs", steady, { a: "active" }, "met"],
      ["none at all", steady, {}, "met"],
      ["a passive one beside it", steady, { a: "active", b: "passive" }, "trusting a→b until trusting"],
      ["two active: who signs goes on", steady, { a: "active", b: "active" }, "trusting a→b until trusting"],
      ["roles swapped at once", steady, { a: "passive", b: "active" }, "trusting a→b until issuing"],
      ["the old one gone at once", steady, { b: "active" }, "trusting a→b until steady"],
      ["an inactive one counts for nothing", steady, { a: "active", b: "inactive" }, "met"],
      ["trusting, roles as before", trusting, { a: "active", b: "passive" }, "met"],
      ["trusting, the new one active", trusting, { a: "passive", b: "active" }, "trusting a→b until issuing"],
      ["trusting, the new one withdrawn", trusting, { a: "active" }, "steady a"],
      [
        "issuing, roles swapped back",
        { ...issuing, until: "issuing" } as RotationRecord,
        { a: "active", b: "passive" },
        "returning a→b until steady",
      ],
      ["issuing, the old one inactive", issuing, { b: "active", a: "inactive" }, "issuing a→b until steady"],
      [
        "nobody active",
        steady,
        { a: "passive" },
        "no MeshRootCertificate is active: what is in force stays; make one active",
      ],
    ];
  for (const [what, record, roles, wanted] of cases)
    it(what, () => assert.equal(applied(intentOf(record, intended(roles), 5), record), wanted));

  it("more than two are too many", () => {
    const intent = intentOf(steady, intended({ a: "active", b: "passive", c: "passive" }), 5);
    assert.match(applied(intent, steady), /3 MeshRootCertificates/);
  });

  it("a third one has to wait", () => {
    assert.match(applied(intentOf(trusting, intended({ c: "active" }), 5), trusting), /under way/);
  });

  it("the root that the mesh had before takes the name of its MeshRootCertificate, and stays what it is", () => {
    const legacy = steadyOn(root("osm-ca-bundle"), 0);
    const adopted = [{ ref: root("osm-mesh-root-certificate", "osm-ca-bundle"), role: "active" as const }];
    assert.equal(applied(intentOf(legacy, adopted, 5), legacy), "steady osm-mesh-root-certificate");
  });

  it("that is so too if the same authority is reached in another way by now, and nobody moves", () => {
    const source = { kind: "vault", settings: { host: "vault", role: "mesh" } } as const;
    const legacy = steadyOn({ ...root("vault"), source, certificates: ["of vault"] }, 0);
    const withSecret = { ...source, settings: { ...source.settings, tokenName: "token" } };
    const adopted = [
      { ref: { ...root("mine"), source: withSecret, certificates: ["of vault"] }, role: "active" as const },
    ];
    assert.equal(applied(intentOf(legacy, adopted, 5), legacy), "steady mine");
    const another = [
      { ref: { ...root("mine"), source: withSecret, certificates: ["other"] }, role: "active" as const },
    ];
    assert.equal(applied(intentOf(legacy, another, 5), legacy), "trusting vault→mine until steady");
  });

  it("a root that proxies trust does not become another one under its name", () => {
    const changed = [
      { ref: { ...A, source: { kind: "builtin", store: "elsewhere" } as const }, role: "active" as const },
    ];
    assert.match(applied(intentOf(steady, changed, 5), steady), /^a names another provider or trust domain/);
    const moved = [{ ref: { ...B, trustDomain: "mesh.example" }, role: "active" as const }];
    assert.match(applied(intentOf(issuing, moved, 5), issuing), /^b names another provider or trust domain/);
  });

  it("say what each root is used for", () => {
    assert.deepEqual([useOf(steady, "a"), useOf(steady, "b")], ["issuing", "unused"]);
    assert.deepEqual([useOf(trusting, "a"), useOf(trusting, "b")], ["issuing", "validating"]);
    assert.deepEqual([useOf(issuing, "a"), useOf(issuing, "b")], ["validating", "issuing"]);
  });
});
