import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Authority } from "./authority.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import { createInventory } from "./inventory.ts";
import { LeafStore } from "./leaves.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";

describe("certificate inventory", () => {
  it("lists the root and each identity's leaf, sorted, and no key", async () => {
    const now = () => Date.now();
    const provider = await openBuiltin(await makeRoot({ now: now() }), now);
    const authority = new Authority({ provider, trustDomain: "cluster.local", now });
    const leaves = new LeafStore({
      issuer: authority,
      clock: SYSTEM_CLOCK,
      random: () => 0,
      life: 60_000,
      onFailure() {},
    });
    try {
      await leaves.demand({ namespace: "shop", name: "web" });
      const { serial } = await leaves.demand({ namespace: "books", name: "api" });
      const read = createInventory({ authority, leaves });
      const { roots, leaves: listed } = await read();
      assert.deepEqual(
        roots.map(({ signing, facts }) => [signing, facts.fingerprint]),
        [[true, authority.issuerId]],
      );
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
    } finally {
      leaves.stop();
    }
  });
});
