import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServiceAccountName } from "../core/base/identity.ts";
import { Redacted } from "../core/base/redacted.ts";
import { Authority } from "./authority.ts";
import type { Clock } from "./clock.ts";
import { type Leaf, leafVersion } from "./leaf.ts";
import { type LeafFailure, type LeafIssuer, LeafStore } from "./leaves.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";
import { backdateOf } from "./renewal.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 1);
const A = { namespace: "shop", name: "a" };
const B = { namespace: "shop", name: "b" };
const ISSUER = "ab".repeat(32);

/** A clock moved by hand. Timers run by elapsed time, as the runtime's do, so a jump does not move them. */
class HandClock implements Clock {
  wall = START;
  elapsed = 0;
  scheduled = 0;
  readonly timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.wall;
  }

  schedule(at: number, run: () => void): () => void {
    const timer = { at: this.elapsed + Math.max(0, at - this.wall), run };
    this.timers.add(timer);
    this.scheduled += 1;
    return () => this.timers.delete(timer);
  }

  /** Lets time pass until `until`, with every timer run in its turn and `settle` after each. */
  async pass(span: number, settle: () => Promise<void>): Promise<void> {
    const end = this.elapsed + span;
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#moveTo(next.at);
      this.timers.delete(next);
      next.run();
      await settle();
    }
    this.#moveTo(end);
  }

  #moveTo(elapsed: number): void {
    this.wall += elapsed - this.elapsed;
    this.elapsed = elapsed;
  }
}

/** Issues at once, without any cryptography. */
class FakeIssuer implements LeafIssuer {
  issuerId = ISSUER;
  asked = 0;
  mostAtOnce = 0;
  fails: Error | undefined;
  /** Resolves each issue; replaced by a test that holds them back. */
  gate: Promise<void> = Promise.resolve();
  #atOnce = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async issue(_subject: unknown, life: number): Promise<Leaf> {
    this.asked += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await this.gate.finally(() => {
      this.#atOnce -= 1;
    });
    if (this.fails !== undefined) throw this.fails;
    const issuedAt = this.#clock.now();
    const serial = this.asked.toString(16).padStart(32, "0").split("").reverse().join("");
    const [issuerId, notAfter] = [this.issuerId, issuedAt + life];
    const key = new Redacted("key");
    const version = leafVersion({ issuerId, notAfter, serial });
    return {
      chain: serial,
      key,
      issuerId,
      serial,
      notBefore: issuedAt - backdateOf(life),
      notAfter,
      issuedAt,
      version,
    };
  }
}

function setUp(life: number, random: () => number = () => 0.5) {
  const clock = new HandClock();
  const issuer = new FakeIssuer(clock);
  const failures: LeafFailure[] = [];
  const renewed: { readonly account: ServiceAccountName; readonly leaf: Leaf }[] = [];
  const store = new LeafStore({ issuer, clock, random, life, onFailure: (failure) => failures.push(failure) });
  store.onRenewed((account, leaf) => renewed.push({ account, leaf }));
  const pass = (span: number) => clock.pass(span, () => store.settled());
  return { clock, issuer, failures, renewed, store, pass };
}

function currentOf(store: LeafStore, account: ServiceAccountName): Leaf {
  const leaf = store.current(account);
  assert.ok(leaf !== undefined, `no leaf for ${account.name}`);
  return leaf;
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

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

  it("a new issuer is noticed without being told, and one that never fits does not make a storm", async () => {
    const { store, issuer, pass } = setUp(DAY);
    await store.demand(A);
    const honest = issuer.issue.bind(issuer);
    issuer.issue = async (subject, life) => ({ ...(await honest(subject, life)), issuerId: "00".repeat(32) });
    issuer.issuerId = "cd".repeat(32);
    await pass(5 * MINUTE);
    assert.ok(issuer.asked > 2 && issuer.asked < 305, `asked ${issuer.asked} times`);
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

describe("leaves that proxies hold from before", () => {
  const LIFE = DAY;
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
