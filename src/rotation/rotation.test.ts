import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { judge, type ProxyStanding, type ReplicaReport, shortfall } from "./gate.ts";
import { planOf } from "./plan.ts";
import {
  advance,
  leaveBehind,
  parseRecord,
  type RotationRecord,
  RotationRefused,
  rollBack,
  start,
  steadyOn,
} from "./record.ts";
import { FIRST, RotationWorld } from "./testing/rotation-world.ts";

const SECOND = { ...FIRST, name: "second", source: { kind: "builtin", store: "second" } as const, certificates: ["b"] };
const steady = steadyOn({ ...FIRST, certificates: ["a"] }, 0);
const trusting = start(steady, SECOND, { now: 1 });
const issuing = advance(trusting, 2);
const returning = rollBack(issuing, 3);

describe("the record", () => {
  it("goes forward by trusting, issuing and dropping", () => {
    assert.deepEqual(
      [trusting, issuing, advance(issuing, 3)].map(({ phase }) => phase),
      ["trusting", "issuing", "steady"],
    );
    const end = advance(issuing, 3);
    assert.ok(end.phase === "steady" && end.root.name === "second" && end.step === 3);
  });

  it("goes back from every phase but the last", () => {
    const back = (record: RotationRecord) => {
      const end = record.phase === "returning" ? advance(record, 9) : record;
      return end.phase === "steady" ? end.root.name : end.phase;
    };
    assert.equal(back(rollBack(trusting, 5)), "first");
    assert.equal(back(rollBack(issuing, 5)), "first");
    assert.equal(rollBack(returning, 5), returning);
    assert.throws(() => rollBack(steady, 5), RotationRefused);
  });

  it("refuses what makes no sense", () => {
    assert.throws(() => start(trusting, SECOND, { now: 5 }), /under way/);
    assert.throws(() => start(steady, FIRST, { now: 5 }), /already/);
    assert.throws(() => start(steady, { ...SECOND, certificates: ["a"] }, { now: 5 }), /of its own/);
    assert.throws(() => advance(steady, 5), /start one/);
    assert.throws(() => leaveBehind(steady), RotationRefused);
  });

  it("says who signs, who is trusted, and whom the xDS server shows", () => {
    const summary = (record: RotationRecord) => {
      const { signing, server, trusted } = planOf(record);
      return [signing.name, server.name, trusted.map(({ name }) => name).join("+")];
    };
    assert.deepEqual(summary(steady), ["first", "first", "first"]);
    assert.deepEqual(summary(trusting), ["first", "first", "first+second"]);
    assert.deepEqual(summary(issuing), ["second", "first", "first+second"]);
    assert.deepEqual(summary(returning), ["first", "first", "first+second"]);
  });

  it("keeps the names of trust domains that connections were made under", () => {
    const moved = advance(advance(start(steady, { ...SECOND, trustDomain: "new.example" }, { now: 1 }), 2), 3);
    assert.deepEqual(planOf(moved).trustDomains, ["new.example", "cluster.local"]);
    const during = start(steady, { ...SECOND, trustDomain: "new.example" }, { now: 1 });
    assert.deepEqual(planOf(during).trustDomains, ["cluster.local", "new.example"]);
  });

  it("is read as it was written, and text that is no record is refused", () => {
    for (const record of [steady, trusting, issuing, returning])
      assert.deepEqual(parseRecord(JSON.stringify(record), "x"), record);
    for (const text of ["", "{}", '{"phase":"steady"}', '{"phase":"x","step":1}', "[]", "null"])
      assert.throws(() => parseRecord(text, "the file"), /the file holds no record/);
  });
});

describe("the gate", () => {
  const standing = (part: Partial<ProxyStanding>): ProxyStanding => ({
    uuid: "u",
    namespace: "ns",
    pod: "p",
    connected: true,
    ...part,
  });
  const demand = { trust: "AB", issuer: "b", trustDomains: ["d"] };
  const good = { trust: "AB", issuer: "b", trustDomains: ["d"] };

  it("asks for trust, issuer, names and credential, each by its own words", () => {
    assert.equal(shortfall("issuing", demand, standing({ accepted: good, credential: "b" })), undefined);
    const reasons = [
      standing({}),
      standing({ accepted: { ...good, trust: "A" } }),
      standing({ accepted: { ...good, trustDomains: ["d", "e"] } }),
      standing({ accepted: { ...good, issuer: "a" } }),
      standing({ accepted: good, credential: "a" }),
      standing({ accepted: good }),
    ].map((one) => shortfall("issuing", demand, one));
    assert.ok(reasons.every((reason) => reason !== undefined));
    assert.equal(new Set(reasons).size, 5);
  });

  it("takes whom a proxy trusts for proven, though nobody here knows what it shows", () => {
    const { issuer: _, ...unknown } = good;
    const { issuer: __, ...trust } = demand;
    assert.equal(shortfall("trusting", trust, standing({ accepted: unknown })), undefined);
    assert.match(shortfall("issuing", demand, standing({ accepted: unknown, credential: "b" })) ?? "", /old root/);
  });

  const question = (standings: readonly ProxyStanding[], more: Partial<Parameters<typeof judge>[0]> = {}) => {
    assert.ok(trusting.phase === "trusting");
    const base = { record: trusting, standings, shortfalls: new Map(), passed: new Set<string>(), others: [] };
    return judge({ ...base, ...more });
  };

  it("is held by a proxy that is not connected, unless it accepted the step before, or is left behind", () => {
    const away = [standing({ connected: false })];
    assert.equal(question(away).over, false);
    assert.equal(question(away).laggards[0]?.name, "ns/p");
    assert.equal(question(away, { passed: new Set(["u"]) }).over, true);
    assert.ok(trusting.phase === "trusting");
    assert.equal(question(away, { record: { ...trusting, leaveBehind: true } }).over, true);
    const here = { shortfalls: new Map([["u", "is slow"]]) };
    assert.equal(question([standing({})], { ...here, record: { ...trusting, leaveBehind: true } }).over, false);
  });

  it("asks the other replicas, and is held by one that is behind or silent", () => {
    const away = [standing({ connected: false })];
    const other = (part: Partial<ReplicaReport>): ReplicaReport => ({
      replica: "r",
      step: trusting.step,
      passed: [],
      pending: [],
      ...part,
    });
    assert.equal(question(away, { others: [other({ passed: ["u"] })] }).over, true);
    assert.equal(question(away, { others: [other({ pending: ["u"] })], passed: new Set(["u"]) }).over, false);
    assert.equal(question([], { others: [other({ step: 0 })] }).over, false);
    assert.match(question([], { others: [other({ step: -1 })] }).laggards[0]?.reason ?? "", /has not said/);
    // What was accepted elsewhere of another step is worth nothing.
    assert.equal(question(away, { others: [other({ step: 0, passed: ["u"] })] }).over, false);
  });
});

describe("a rotation", () => {
  it("needs two quiet seconds, so that Envoy's workers have what its main thread acknowledged", async () => {
    const world = await RotationWorld.open(1);
    await world.rotator.start({});
    for (const proxy of world.proxies) world.sync(proxy);
    await world.advancer.look();
    world.now += 1999;
    await world.advancer.look();
    assert.equal(world.rotator.roots().record.phase, "trusting");
    world.now += 1;
    await world.advancer.look();
    assert.equal(world.rotator.roots().record.phase, "issuing");
  });

  it("is not moved by one who does not lead, nor beyond where it may go by itself", async () => {
    const world = await RotationWorld.open(2);
    await world.rotator.start({ until: "issuing" });
    world.leads = false;
    await world.settle();
    assert.equal(world.rotator.roots().record.phase, "trusting");
    world.leads = true;
    await world.settle();
    assert.equal(world.rotator.roots().record.phase, "issuing");
  });

  it("goes on with a root whose key is lost, for as long as it only has to be trusted", async () => {
    const world = await RotationWorld.open(2);
    await world.rotator.start({ until: "issuing" });
    await world.settle();
    world.lost.add("root-1");
    await assert.rejects(world.restart(), /lost/);
    world.lost.clear();
    world.lost.add("first");
    await world.restart();
    assert.equal(world.rotator.roots().trusted.length, 2);
  });

  it("writes nothing that nobody could act on", async () => {
    const world = await RotationWorld.open(1);
    world.lost.add("root-1");
    await assert.rejects(world.rotator.start({}), /lost/);
    assert.equal(world.store.text, undefined);
    assert.equal(world.rotator.roots().record.phase, "steady");
  });

  it("never lets two proxies meet that do not trust each other, whatever happens when, and ends", async () => {
    const moves = fc.oneof(
      fc.record({ kind: fc.constantFrom("look", "kill", "start", "back", "wait", "go") }),
      fc.record({ kind: fc.constantFrom("sync", "cut", "return", "renewed"), proxy: fc.nat(2) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { maxLength: 60 }), async (list) => {
        const world = await RotationWorld.open(3);
        for (const move of list) {
          await play(world, move);
          assert.deepEqual(world.broken(), [], JSON.stringify(list));
        }
        for (const proxy of world.proxies) proxy.connected = true;
        await world.settle();
        await world.settle();
        assert.equal(world.rotator.roots().record.phase, "steady");
        assert.deepEqual(world.broken(), []);
        assert.equal(new Set(world.proxies.map(({ holds }) => holds?.trust)).size, 1);
      }),
      { numRuns: 300 },
    );
  });
});

async function play(world: RotationWorld, move: { readonly kind: string; readonly proxy?: number }): Promise<void> {
  const proxy = world.proxies[move.proxy ?? 0];
  assert.ok(proxy !== undefined);
  const refusedIsFine = (cause: unknown): void => assert.ok(cause instanceof RotationRefused);
  switch (move.kind) {
    case "look":
      return world.advancer.look();
    case "go":
      return world.settle();
    case "wait":
      world.now += 1500;
      return;
    case "kill":
      return world.restart();
    case "start":
      return void (await world.rotator.start({}).catch(refusedIsFine));
    case "back":
      return void (await world.rotator.rollBack().catch(refusedIsFine));
    case "sync":
      return world.sync(proxy);
    case "cut":
      proxy.connected = false;
      return;
    case "return":
      proxy.connected = true;
      return;
    case "renewed":
      // Envoy started anew while nobody looked: it holds nothing.
      proxy.holds = undefined;
      return;
    default:
      throw new Error(move.kind);
  }
}
