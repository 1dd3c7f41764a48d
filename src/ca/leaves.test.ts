import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setUp } from "./testing/leaf-rig.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const A = { namespace: "shop", name: "a" };
const B = { namespace: "shop", name: "b" };

describe("leaves on demand", () => {
  it("concurrent demands share one issue, and later ones get the leaf in force", async () => {
    const { store, issuer } = setUp(DAY);
    const leaves = await Promise.all([store.demand(A), store.demand({ ...A }), store.demand(A)]);
    assert.equal(issuer.asked, 1);
    assert.equal(new Set(leaves).size, 1);
    assert.equal(await store.demand(A), leaves[0]);
    assert.notEqual(await store.demand(B), leaves[0]);
    assert.equal(issuer.asked, 2);
  });

  it("a first leaf is no renewal", async () => {
    const { store, renewed } = setUp(DAY);
    await store.demand(A);
    assert.deepEqual(renewed, []);
  });

  it("a failed demand rejects, is not asked again at once, and is mended by the store", async () => {
    const { store, issuer, failures, renewed, pass } = setUp(DAY);
    issuer.fails = new Error("vault is away");
    await assert.rejects(store.demand(A), /vault is away/);
    await assert.rejects(store.demand(A), /vault is away/);
    assert.equal(issuer.asked, 1);
    await pass(MINUTE);
    assert.ok(issuer.asked > 4 && issuer.asked < 12, `asked ${issuer.asked} times in a minute`);
    assert.equal(failures.length, issuer.asked);
    issuer.fails = undefined;
    await pass(MINUTE);
    assert.deepEqual(
      renewed.map(({ account }) => account),
      [A],
    );
    assert.equal(store.current(A), renewed[0]?.leaf);
  });

  it("an issuer that throws instead of rejecting is a failure like any other", async () => {
    const { store, issuer } = setUp(DAY);
    issuer.issue = () => {
      throw new Error("at once");
    };
    await assert.rejects(store.demand(A), /at once/);
    await store.settled();
  });

  it("drops what is no longer wanted, also when it is on its way", async () => {
    const { store, clock, pass, issuer } = setUp(MINUTE);
    await store.demand(A);
    const onItsWay = store.demand(B);
    store.retain([A]);
    await onItsWay;
    assert.equal(store.current(B), undefined);
    await pass(10 * MINUTE);
    store.retain([]);
    const asked = issuer.asked;
    assert.equal(clock.timers.size, 0);
    await pass(DAY);
    assert.equal(issuer.asked, asked);
  });

  it("what was dropped or stopped while on its way is no news, and neither is its failure", async () => {
    for (const end of ["retain", "stop"] as const) {
      const { store, issuer, renewed, failures, pass } = setUp(DAY);
      await Promise.all([store.demand(A), store.demand(B)]);
      await pass(2 * SECOND);
      const gate = Promise.withResolvers<void>();
      issuer.gate = gate.promise;
      issuer.issuerId = "cd".repeat(32);
      store.recheck();
      await Promise.resolve();
      assert.equal(issuer.asked, 4);
      if (end === "stop") store.stop();
      else store.retain([]);
      issuer.issue = () => Promise.reject(new Error("must not be asked"));
      gate.resolve();
      await gate.promise;
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual([renewed.length, failures.length], [0, 0], end);
    }
  });

  it("does nothing after stop, and refuses a life too short to renew in", async () => {
    const { store, clock, issuer, pass } = setUp(MINUTE);
    await store.demand(A);
    store.stop();
    await pass(HOUR);
    assert.equal(issuer.asked, 1);
    assert.equal(clock.timers.size, 0);
    assert.throws(() => store.setLife(SECOND), RangeError);
  });
});
