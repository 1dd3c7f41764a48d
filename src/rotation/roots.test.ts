import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { proveRoot } from "../ca/proof.ts";
import type { CertificateProvider } from "../ca/provider.ts";
import { openBuiltin } from "../ca/providers/builtin.ts";
import { type MadeAuthority, OpensslCa } from "../ca/testing/openssl-ca.ts";
import { Redacted } from "../core/base/redacted.ts";
import { advance, type RootRef, start, steadyOn } from "./record.ts";
import { RootOpener } from "./roots.ts";

describe("roots, opened", () => {
  const openssl = new OpensslCa();
  /** What stands behind each store now, which may have been replaced. */
  const behind = new Map<string, MadeAuthority>();
  const opened: string[] = [];
  const closed: string[] = [];
  let first: MadeAuthority;
  let second: MadeAuthority;
  before(() => {
    first = openssl.root("first");
    second = openssl.root("second");
  });
  after(() => openssl.remove());

  async function open({ source }: RootRef): Promise<CertificateProvider> {
    const store = source.kind === "builtin" ? source.store : "";
    const made = behind.get(store);
    assert.ok(made !== undefined, `nothing is in ${store}`);
    opened.push(store);
    const provider = await openBuiltin({ ...made, privateKey: new Redacted(made.key) }, Date.now);
    return { ...provider, close: () => void closed.push(store) };
  }

  function opener(stores: Readonly<Record<string, MadeAuthority>>): RootOpener {
    behind.clear();
    opened.length = 0;
    closed.length = 0;
    for (const [store, made] of Object.entries(stores)) behind.set(store, made);
    const create = () => Promise.reject(new Error("no root is made here"));
    return new RootOpener({ create, open }, Date.now, (authority) =>
      proveRoot(authority, ["osm-injector.osm-system.svc"]),
    );
  }

  const ref = (name: string, store = name): RootRef => ({
    name,
    source: { kind: "builtin", store },
    trustDomain: "cluster.local",
    certificates: [],
  });

  it("are not taken if another one lies where the known one was", async () => {
    const known = await opener({ a: first }).complete(ref("a"));
    const replaced = opener({ a: second });
    await assert.rejects(replaced.openAll(steadyOn(known, 0)), /the root a is not the one that proxies trust.*SHA-256/);
    assert.deepEqual(closed, ["a"]);
  });

  it("are taken if they were only prolonged, with the old key, and both certificates are trusted", async () => {
    const known = await opener({ a: first }).complete(ref("a"));
    openssl.run("x509", "-in", "first.crt", "-signkey", "first.key", "-days", "400", "-out", "longer.crt");
    const longer = { ...first, certificate: openssl.run("x509", "-in", "longer.crt") };
    const { trusted } = await opener({ a: longer }).openAll(steadyOn(known, 0));
    assert.equal(trusted[0]?.certificates.length, 2);
  });

  it("are opened once, and again only if they are reached in another way", async () => {
    const both = opener({ a: first, b: second });
    await both.openAll(steadyOn(ref("a"), 0));
    await both.openAll(steadyOn(ref("a"), 1));
    await both.openAll(steadyOn(ref("a", "b"), 2));
    assert.deepEqual(opened, ["a", "b"]);
  });

  it("are of no use if no peer takes what they sign, and are refused with the reason", async () => {
    const limited: readonly (readonly [string, string, RegExp])[] = [
      [
        "other-names",
        "nameConstraints=critical,permitted;DNS:corp.example",
        /no peer would accept .* was refused .*name constraints/,
      ],
      ["no-webhooks", "nameConstraints=critical,permitted;DNS:cluster.local", /"ads.cluster.local" was refused/],
      ["one-use", "extendedKeyUsage=clientAuth", /was refused as a .* certificate: .*uses/],
    ];
    for (const [name, extension, reason] of limited) {
      const made = openssl.under(first, name, `critical,CA:TRUE\n${extension}`);
      const chain = { ...made, certificate: made.certificate + first.certificate };
      await assert.rejects(opener({ a: chain }).complete(ref("a")), reason, name);
    }
    const names = ["cluster.local", "osm-system.svc"].map((name) => `permitted;DNS:${name}`);
    const fit = openssl.under(first, "fit", `critical,CA:TRUE\nnameConstraints=critical,${names.join(",")}`);
    const { certificates } = await opener({ a: { ...fit, certificate: fit.certificate + first.certificate } }).complete(
      ref("a"),
    );
    assert.equal(certificates.length, 1);
  });

  it("are closed once they are dropped, and not before", async () => {
    const both = opener({ a: first, b: second });
    const [a, b] = [await both.complete(ref("a")), await both.complete(ref("b"))];
    const trusting = start(steadyOn(a, 0), b, { now: 1 });
    const issuing = advance(trusting, 2);
    for (const record of [trusting, issuing]) {
      await both.openAll(record);
      both.retain(record);
    }
    assert.deepEqual(closed, []);
    both.retain(advance(issuing, 3));
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(closed, ["a"]);
  });
});
