import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leafVersion } from "./leaf.ts";
import { ISSUER, START, setUp } from "./testing/leaf-rig.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const A = { namespace: "shop", name: "a" };
const B = { namespace: "shop", name: "b" };

describe("leaves that proxies hold from before", () => {
  const LIFE = 24 * HOUR;
  const held = (issuedAgo: number, issuerId = ISSUER) =>
    leafVersion({ issuerId, notAfter: START - issuedAgo + LIFE, serial: "77".repeat(16) });

  it("its own leaf is held rightly", async () => {
    const { store } = setUp(LIFE);
    const leaf = await store.demand(A);
    assert.equal(store.adopt(A, leaf.version), true);
  });

  it("another replica's leaf is kept, and the next renewal comes when that one is due", async () => {
    const { store, renewed, pass } = setUp(LIFE, () => 0);
    await store.demand(A);
    assert.equal(store.adopt(A, held(13 * HOUR)), true);
    await pass(3 * HOUR - SECOND);
    assert.equal(renewed.length, 0);
    await pass(2 * SECOND);
    assert.equal(renewed.length, 1);
  });

  it("one of the root that signs now is kept, however soon it is due, where ours is still of the root before", async () => {
    const { store, issuer, pass } = setUp(LIFE, () => 0);
    await store.demand(A);
    await pass(2 * LIFE);
    const next = "cd".repeat(32);
    issuer.issuerId = next;
    const notAfter = START + 2 * LIFE + 9 * HOUR;
    assert.equal(store.adopt(A, leafVersion({ issuerId: next, notAfter, serial: "77".repeat(16) })), true);
    store.recheck();
    await store.settled();
    assert.equal(store.current(A)?.issuerId, next);
  });

  it("the same holds when the proxy comes before the first demand", async () => {
    const { store, renewed, pass } = setUp(LIFE, () => 0);
    assert.equal(store.adopt(A, held(13 * HOUR)), true);
    await store.demand(A);
    await pass(3 * HOUR + SECOND);
    assert.equal(renewed.length, 1);
    await pass(15 * HOUR);
    assert.equal(renewed.length, 1, "brought forward once, not for ever");
  });

  it("of several held leaves the one due first counts", async () => {
    const { store, renewed, pass } = setUp(LIFE, () => 0);
    await store.demand(A);
    for (const ago of [2, 15, 9]) assert.equal(store.adopt(A, held(ago * HOUR)), true);
    await pass(HOUR + SECOND);
    assert.equal(renewed.length, 1);
  });

  it("due, over, of another issuer, of a longer life or no version at all: not kept", async () => {
    const { store } = setUp(LIFE);
    await store.demand(A);
    const foreign = held(0, "cd".repeat(32));
    for (const version of [held(16 * HOUR), held(40 * HOUR), held(-HOUR), foreign, "", "7", "leaf.x.y.z"]) {
      assert.equal(store.adopt(A, version), false, version);
      assert.equal(store.adopt(B, version), false, version);
    }
  });

  it("a lying proxy brings forward one renewal and no more", async () => {
    const { store, clock, renewed, pass } = setUp(LIFE, () => 0);
    await store.demand(A);
    const lie = () =>
      leafVersion({ issuerId: ISSUER, notAfter: clock.now() + 8 * HOUR + 2 * SECOND, serial: "66".repeat(16) });
    for (let i = 0; i < 50; i++) {
      store.adopt(A, lie());
      await pass(10 * SECOND);
    }
    assert.equal(renewed.length, 1);
    assert.equal(store.adopt(A, lie()), false);
  });

  it("what proxies go on with is known until it is renewed, the one that ends first", async () => {
    const { store, pass } = setUp(LIFE, () => 0);
    const own = await store.demand(A);
    store.adopt(A, own.version);
    assert.deepEqual(store.adopted(), [], "its own is no other's");
    for (const ago of [2, 13, 9]) store.adopt(A, held(ago * HOUR));
    assert.deepEqual(
      store.adopted().map(({ serviceAccount, issuedAt, notAfter }) => [serviceAccount.name, issuedAt, notAfter]),
      [["a", START - 13 * HOUR, START + 11 * HOUR]],
    );
    await pass(3 * HOUR + SECOND);
    assert.deepEqual(store.adopted(), [], "all were sent the new one");
  });

  it("one that is due, or over, is known for as long as there is none to replace it by", async () => {
    const { store, issuer, pass } = setUp(LIFE);
    issuer.fails = new Error("vault is away");
    await assert.rejects(store.demand(A));
    assert.equal(store.adopt(A, held(25 * HOUR)), false);
    assert.equal(store.adopt(B, held(20 * HOUR)), false);
    store.adopt(B, "7");
    const ends = () => store.adopted().map(({ serviceAccount, notAfter }) => [serviceAccount.name, notAfter - START]);
    assert.deepEqual(ends(), [
      ["a", -HOUR],
      ["b", 4 * HOUR],
    ]);
    issuer.fails = undefined;
    await pass(2 * SECOND);
    assert.deepEqual(ends(), [["b", 4 * HOUR]], "a was issued one after all");
    store.retain([A]);
    assert.deepEqual(ends(), []);
  });

  it("one that is replaced at once by the leaf in force is nobody's any more", async () => {
    const { store } = setUp(LIFE);
    await store.demand(A);
    assert.equal(store.adopt(A, held(20 * HOUR)), false);
    assert.deepEqual(store.adopted(), []);
  });
});
