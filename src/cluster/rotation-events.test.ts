import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Progress } from "../rotation/advancer.ts";
import type { Laggard } from "../rotation/gate.ts";
import {
  advance,
  leaveBehind,
  type RootRef,
  type RotationRecord,
  rollBack,
  start,
  steadyOn,
} from "../rotation/record.ts";
import { rotationEvents } from "./rotation-events.ts";
import { EventLog } from "./testing/event-log.ts";

const MINUTE = 60_000;
const OLD: RootRef = {
  name: "osm-ca-bundle",
  source: { kind: "builtin", store: "osm-ca-bundle" },
  trustDomain: "cluster.local",
  certificates: ["PEM of old"],
};
const NEW: RootRef = {
  name: "vault",
  source: { kind: "vault", settings: {} },
  trustDomain: "mesh.example",
  certificates: ["PEM of new"],
};
const laggard = (i: number): Laggard => ({
  kind: "proxy",
  name: `shop/web-${i}`,
  uuid: `${i}`,
  connected: false,
  reason: "is not connected, and did not accept this step before",
});

describe("Events of a rotation", () => {
  let log = new EventLog();
  let record: RotationRecord = steadyOn(OLD, 0);
  let laggards: readonly Laggard[] = [];
  const progress = (): Progress => ({ record, proxies: 9, passed: 9, laggards, over: laggards.length === 0 });
  const teller = (replica?: string) => rotationEvents(log.place(replica), record, progress);
  beforeEach(() => {
    log = new EventLog();
    record = steadyOn(OLD, 0);
    laggards = [];
  });
  const begin = () => start(record, NEW, { now: log.now });
  const reasons = () => log.taken().map((one) => one.split(":")[0]);

  it("tell each phase to the end, whatever came between two looks", async () => {
    const one = teller();
    await one.run();
    assert.deepEqual(log.taken(), [], "a mesh that never rotated has nothing to tell");
    for (const step of [begin, () => advance(record, log.now), () => advance(record, log.now)]) {
      record = step();
      one.note(record);
    }
    await one.run();
    await one.run();
    assert.deepEqual(log.taken(), [
      "Normal RootRotationStarted: the root of trust changes from osm-ca-bundle (builtin, cluster.local) to vault (vault, mesh.example): both are trusted",
      "Normal RootRotationIssuing: certificates come from vault (vault, mesh.example); osm-ca-bundle (builtin, cluster.local) is dropped once every proxy has one",
      "Normal RootRotationFinished: vault (vault, mesh.example) is the mesh's root of trust; osm-ca-bundle (builtin, cluster.local) is trusted no more",
    ]);
  });

  it("tell the way back from either phase", async () => {
    const one = teller();
    const take = (next: RotationRecord) => {
      record = next;
      one.note(record);
    };
    take(begin());
    take(rollBack(record, log.now));
    await one.run();
    assert.deepEqual(reasons(), ["Normal RootRotationStarted", "Normal RootRotationRolledBack"]);
    take(begin());
    take(advance(record, log.now));
    take(rollBack(record, log.now));
    take(advance(record, log.now));
    await one.run();
    const told = log.taken();
    assert.equal(told.length, 4);
    assert.match(
      told[2] ?? "",
      /RootRotationReturning: certificates come from osm-ca-bundle .* again; vault .* dropped/,
    );
    assert.match(told[3] ?? "", /RootRotationRolledBack: osm-ca-bundle .* root of trust again; vault .* no more/);
  });

  it("are told once by whoever leads, also if a leader died before it told", async () => {
    const first = teller("a");
    record = begin();
    first.note(record);
    await first.run();
    const second = teller("b");
    await second.run();
    assert.deepEqual(reasons(), ["Normal RootRotationStarted"]);
    record = advance(record, log.now);
    const third = teller("c");
    await third.run();
    assert.deepEqual(reasons(), ["Normal RootRotationIssuing"]);
    record = advance(record, log.now);
    await teller("d").run();
    await teller("e").run();
    assert.deepEqual(log.taken(), [
      "Normal RootRotationEnded: vault (vault, mesh.example) is the mesh's root of trust",
    ]);
    log.now += 11 * MINUTE;
    record = { ...record, step: record.step + 1 };
    await teller("f").run();
    assert.deepEqual(log.taken(), [], "an old end is no news");
  });

  it("what the API server did not take is told in order when it is back; a record written anew is no step", async () => {
    const one = teller();
    log.away = true;
    record = begin();
    one.note(record);
    await assert.rejects(one.run());
    record = leaveBehind(record);
    one.note(record);
    record = advance(record, log.now);
    one.note(record);
    log.away = false;
    await one.run();
    assert.deepEqual(reasons(), ["Normal RootRotationStarted", "Normal RootRotationIssuing"]);
  });

  it("warn of a phase that is held back for ten minutes, again each ten, and name five of those who do", async () => {
    const one = teller();
    record = begin();
    one.note(record);
    laggards = Array.from({ length: 7 }, (_, i) => laggard(i));
    log.now += 9 * MINUTE;
    await one.run();
    assert.deepEqual(reasons(), ["Normal RootRotationStarted"]);
    log.now += MINUTE;
    await one.run();
    await one.run();
    const [warning, ...more] = log.taken();
    assert.deepEqual(more, []);
    assert.match(
      warning ?? "",
      /^Warning RootRotationHeldBack: .* in the phase trusting since 2026-11-23T00:00:00.000Z/,
    );
    assert.match(warning ?? "", /held back by 7: proxy shop\/web-0 is not connected.*shop\/web-4 .*; and 2 more$/);
    assert.doesNotMatch(warning ?? "", /web-5/);
    log.now += 10 * MINUTE;
    await one.run();
    assert.equal(log.taken().length, 1);
    record = advance(record, log.now);
    one.note(record);
    laggards = [laggard(1)];
    await one.run();
    assert.deepEqual(reasons(), ["Normal RootRotationIssuing"], "another phase has its own ten minutes");
  });

  it("do not warn of a phase that a user's roles keep; but of one that nobody holds back", async () => {
    record = start(record, NEW, { now: log.now, until: "trusting" });
    log.now += 60 * MINUTE;
    await teller().run();
    assert.deepEqual(reasons(), ["Normal RootRotationStarted"]);
    record = leaveBehind(record);
    await teller("b").run();
    assert.match(
      log.taken().join(),
      /HeldBack: .*nobody holds it back, so the leader cannot take the next step: its log/,
    );
  });
});
