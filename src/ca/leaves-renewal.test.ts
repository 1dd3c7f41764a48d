import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Authority } from "./authority.ts";
import { type LeafFailure, LeafStore } from "./leaves.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";
import { currentOf, HandClock, START, seeded, setUp } from "./testing/leaf-rig.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const A = { namespace: "shop", name: "a" };
const B = { namespace: "shop", name: "b" };

describe("renewal by a moving clock", () => {
  for (const { life, span, least, most, margin } of [
    { life: DAY, span: 60 * DAY, least: 90, most: 106, margin: 8 * HOUR },
    { life: MINUTE, span: 10 * MINUTE, least: 20, most: 25, margin: 30 * SECOND },
    { life: MINUTE, span: 3 * MINUTE, least: 5, most: 8, margin: 30 * SECOND },
  ]) {
    it(`leaves of ${life / MINUTE} min over ${span / MINUTE} min: no gap, no growth`, async () => {
      const { store, clock, issuer, renewed, failures, pass } = setUp(life, seeded(7));
      const accounts = [A, B, { namespace: "bank", name: "c" }];
      await Promise.all(accounts.map((account) => store.demand(account)));
      const step = Math.min(HOUR, life / 6);
      for (let passed = 0; passed < span; passed += step) {
        await pass(step);
        for (const account of accounts) {
          const { notBefore, notAfter } = currentOf(store, account);
          assert.ok(notBefore <= clock.now() && notAfter - clock.now() >= margin - SECOND, `margin at ${passed}`);
        }
        assert.equal(clock.timers.size, 1);
      }
      for (const account of accounts) {
        const count = renewed.filter((one) => one.account.name === account.name).length;
        assert.ok(count >= least && count <= most, `${count} renewals`);
      }
      assert.equal(issuer.asked, accounts.length + renewed.length);
      assert.ok(clock.scheduled < span / 10_000 + 8 * issuer.asked, `${clock.scheduled} timers`);
      assert.deepEqual(failures, []);
    });
  }

  it("leaves issued together are not renewed together", async () => {
    const { store, renewed, pass } = setUp(DAY, seeded(3));
    const accounts = Array.from({ length: 50 }, (_, i) => ({ namespace: "shop", name: `s${i}` }));
    await Promise.all(accounts.map((account) => store.demand(account)));
    await pass(17 * HOUR);
    const first = renewed
      .slice(0, 50)
      .map(({ leaf }) => leaf.issuedAt)
      .sort((a, b) => a - b);
    assert.equal(first.length, 50);
    assert.ok((first[49] ?? 0) - (first[0] ?? 0) > 2 * HOUR);
  });

  it("a failed renewal keeps the old leaf, waits longer each time, and recovers", async () => {
    const { store, issuer, failures, pass } = setUp(DAY);
    const old = await store.demand(A);
    issuer.fails = new Error("vault is away");
    await pass(17 * HOUR);
    assert.equal(store.current(A), old);
    assert.equal(failures[0]?.current, old);
    const waits = failures.map(({ retryAt }, i) => retryAt - (failures[i - 1]?.retryAt ?? retryAt));
    assert.ok(
      waits.slice(1).every((wait) => wait <= MINUTE),
      `${waits}`,
    );
    assert.ok(failures.length > 60 && failures.length < 400, `${failures.length} attempts`);
    issuer.fails = undefined;
    await pass(2 * MINUTE);
    assert.notEqual(store.current(A), old);
  });

  it("a clock that jumps ahead is noticed within 30 s", async () => {
    const { store, clock, pass } = setUp(DAY);
    const old = await store.demand(A);
    clock.wall += 20 * HOUR;
    await pass(30 * SECOND);
    assert.notEqual(store.current(A), old);
  });

  it("a clock set back behind the leaf's beginning gives a leaf that is valid now, also while waiting to retry", async () => {
    const { store, clock, issuer, pass } = setUp(DAY);
    await store.demand(A);
    issuer.fails = new Error("away");
    await pass(17 * HOUR);
    issuer.fails = undefined;
    clock.wall -= 10 * DAY;
    await pass(31 * SECOND);
    const { notBefore, notAfter } = currentOf(store, A);
    assert.ok(notBefore <= clock.now() && notAfter <= clock.now() + DAY, "the leaf of the wrong clock is still there");
  });

  it("a clock set back is noticed in a mesh that changes every second, too", async () => {
    const { store, clock, pass } = setUp(DAY);
    await store.demand(A);
    await pass(12 * HOUR);
    clock.wall -= 10 * DAY;
    for (let i = 0; i < 31; i++) {
      await pass(SECOND);
      store.retain([A]);
    }
    assert.ok(currentOf(store, A).notBefore <= clock.now(), "the leaf of the wrong clock is still there");
  });

  it("a new issuer replaces every leaf, a few at a time", async () => {
    const { store, issuer, renewed, pass } = setUp(DAY);
    const accounts = Array.from({ length: 20 }, (_, i) => ({ namespace: "shop", name: `s${i}` }));
    await Promise.all(accounts.map((account) => store.demand(account)));
    await pass(5 * SECOND);
    issuer.mostAtOnce = 0;
    issuer.issuerId = "cd".repeat(32);
    store.recheck();
    await store.settled();
    assert.equal(renewed.length, 20);
    assert.ok(issuer.mostAtOnce <= 4, `${issuer.mostAtOnce} at once`);
    for (const account of accounts) assert.equal(currentOf(store, account).issuerId, "cd".repeat(32));
  });

  it("a leaf that was under way while the issuer changed is replaced at once", async () => {
    const { store, issuer, pass } = setUp(DAY);
    const honest = issuer.issue.bind(issuer);
    const old = issuer.issuerId;
    let arrive = (): void => {};
    issuer.issue = async (subject, life) => {
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
      return { ...(await honest(subject, life)), issuerId: old };
    };
    const demanded = store.demand(A);
    await Promise.resolve();
    issuer.issuerId = "cd".repeat(32);
    store.recheck();
    issuer.issue = honest;
    arrive();
    assert.equal((await demanded).issuerId, old);
    await pass(2 * SECOND);
    assert.equal(currentOf(store, A).issuerId, "cd".repeat(32));
  });

  it("what one issuer failed at does not keep the next one waiting", async () => {
    const { store, issuer, pass } = setUp(DAY);
    const honest = issuer.issue.bind(issuer);
    issuer.issue = () => Promise.reject(new Error("it is away"));
    await assert.rejects(store.demand(A), /away/);
    await pass(HOUR);
    issuer.issue = honest;
    issuer.issuerId = "cd".repeat(32);
    store.recheck();
    await store.settled();
    assert.equal(currentOf(store, A).issuerId, "cd".repeat(32));
  });

  it("a new issuer is noticed without being told, and one that never fits does not make a storm", async () => {
    const { store, issuer, pass } = setUp(DAY);
    await store.demand(A);
    const honest = issuer.issue.bind(issuer);
    issuer.issue = async (subject, life) => ({ ...(await honest(subject, life)), issuerId: "00".repeat(32) });
    issuer.issuerId = "cd".repeat(32);
    await pass(5 * MINUTE);
    assert.ok(issuer.asked > 2 && issuer.asked < 305, `asked ${issuer.asked} times`);
  });

  it("a provider whose leaves last a second is asked once a second", async () => {
    const { store, issuer, pass } = setUp(DAY);
    const honest = issuer.issue.bind(issuer);
    issuer.issue = (subject) => honest(subject, SECOND);
    await store.demand(A);
    await pass(MINUTE);
    assert.ok(issuer.asked >= 58 && issuer.asked <= 62, `asked ${issuer.asked} times`);
  });

  it("a shorter life replaces leaves at once but not in one moment; a longer one waits", async () => {
    const { store, renewed, pass, clock } = setUp(DAY, seeded(5));
    const accounts = Array.from({ length: 12 }, (_, i) => ({ namespace: "shop", name: `s${i}` }));
    await Promise.all(accounts.map((account) => store.demand(account)));
    await pass(MINUTE);
    store.setLife(2 * DAY);
    await pass(MINUTE);
    assert.equal(renewed.length, 0);
    store.setLife(HOUR);
    await pass(11 * SECOND);
    assert.equal(renewed.length, 12);
    assert.ok(new Set(renewed.map(({ leaf }) => leaf.issuedAt)).size > 6, "all in one moment");
    for (const account of accounts) assert.ok(currentOf(store, account).notAfter <= clock.now() + HOUR);
  });

  it("a life shortened while a leaf is on its way still holds", async () => {
    const { store, clock, pass } = setUp(DAY);
    const first = store.demand(A);
    await Promise.resolve();
    await Promise.resolve();
    store.setLife(HOUR);
    await first;
    await pass(11 * SECOND);
    assert.ok(currentOf(store, A).notAfter <= clock.now() + HOUR);
  });
});

describe("with the real authority", () => {
  it("sixty-second leaves are renewed from their own dates, under one clock", async () => {
    const clock = new HandClock();
    const now = () => clock.now();
    const provider = await openBuiltin(await makeRoot({ now: START }), now);
    const issuer = new Authority({ provider, trustDomain: "cluster.local", now });
    const failures: LeafFailure[] = [];
    const store = new LeafStore({ issuer, clock, random: seeded(1), life: MINUTE, onFailure: (f) => failures.push(f) });
    const serials = new Set([(await store.demand(A)).serial]);
    store.onRenewed((_account, leaf) => serials.add(leaf.serial));
    for (let passed = 0; passed < 3 * MINUTE; passed += 5 * SECOND) {
      await clock.pass(5 * SECOND, () => store.settled());
      assert.ok(currentOf(store, A).notAfter - clock.now() >= 25 * SECOND);
    }
    assert.ok(serials.size >= 6, `${serials.size} leaves`);
    assert.deepEqual(failures, []);
    assert.equal(store.adopt(A, currentOf(store, A).version), true);
  });
});
