import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { Redacted } from "../core/base/redacted.ts";
import { Authority } from "./authority.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import { createInventory } from "./inventory.ts";
import type { Leaf } from "./leaf.ts";
import { LeafStore } from "./leaves.ts";
import type { CertificateProvider } from "./provider.ts";
import { providerStates } from "./provider-state.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";
import { OpensslCa } from "./testing/openssl-ca.ts";

describe("certificate inventory", () => {
  const now = () => Date.now();
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  function open(provider: CertificateProvider) {
    const authority = new Authority({ provider, trustDomain: "cluster.local", now });
    const leaves = new LeafStore({
      issuer: authority,
      clock: SYSTEM_CLOCK,
      random: () => 0,
      life: 60_000,
      onFailure() {},
    });
    stops.push(() => leaves.stop());
    const state: { server: Leaf | undefined } = { server: undefined };
    const providers = () => providerStates(authority, [], now());
    const read = createInventory({ authority, leaves, serverLeaf: () => state.server, providers });
    return { authority, leaves, state, read };
  }

  it("lists the root and each identity's leaf, sorted, and no key", async () => {
    const { authority, leaves, read } = open(await openBuiltin(await makeRoot({ now: now() }), now));
    await leaves.demand({ namespace: "shop", name: "web" });
    const { serial } = await leaves.demand({ namespace: "books", name: "api" });
    const { roots, intermediates, leaves: listed, providers } = await read();
    assert.deepEqual(
      roots.map(({ signing, facts }) => [signing, facts.fingerprint]),
      [[true, authority.issuerId]],
    );
    assert.deepEqual(intermediates, []);
    assert.deepEqual(providers, [{ name: "builtin", signing: true, outage: undefined }]);
    assert.deepEqual(
      listed.map(({ serviceAccount }) => serviceAccount.name),
      ["api", "web"],
    );
    assert.equal(listed[0]?.facts.serial, serial);
    assert.deepEqual(listed[0]?.facts.dnsSans, ["api.books.cluster.local"]);
    assert.deepEqual(listed[0]?.facts.uriSans, ["spiffe://cluster.local/api/books"]);
    assert.equal(listed[0]?.root, authority.issuerId);
    assert.doesNotMatch(JSON.stringify(await read()), /PRIVATE|redacted/);
    assert.equal((await read()).leaves[0]?.facts, listed[0]?.facts, "a leaf is read once");
  });

  it("lists the authorities between a root and the leaves in force, each once, before there is any identity", async () => {
    const ca = new OpensslCa();
    stops.push(() => ca.remove());
    const root = ca.root("root");
    const upper = ca.under(root, "upper");
    const lower = ca.under(upper, "lower");
    const certificate = lower.certificate + upper.certificate + root.certificate;
    const { authority, leaves, state, read } = open(
      await openBuiltin({ certificate, privateKey: new Redacted(lower.key) }, now),
    );
    assert.deepEqual((await read()).intermediates, []);
    state.server = await authority.issue({ kind: "server", dnsNames: ["ads.cluster.local"] }, 60_000);
    await leaves.demand({ namespace: "shop", name: "web" });
    await leaves.demand({ namespace: "shop", name: "api" });
    const { intermediates, roots } = await read();
    assert.deepEqual(
      intermediates.map(({ facts, root: led }) => [facts.subject, facts.issuer, led]),
      [
        ["CN=lower", "CN=upper", roots[0]?.facts.fingerprint],
        ["CN=upper", "CN=root", roots[0]?.facts.fingerprint],
      ],
    );
    assert.equal(intermediates[0]?.pem.trim(), lower.certificate.trim());
    assert.equal((await read()).intermediates[0], intermediates[0], "an intermediate is read once");
    leaves.retain([]);
    state.server = undefined;
    assert.deepEqual((await read()).intermediates, [], "nothing in force has one");
  });
});
