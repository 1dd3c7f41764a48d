import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Alarm, watch } from "../ca/watchdog.ts";
import { certificateEvents } from "./certificate-events.ts";
import { EventLog } from "./testing/event-log.ts";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

describe("Events of certificates", () => {
  const log = new EventLog();
  const leaf = (name: string, left: number) => ({
    class: "service" as const,
    name,
    issuedAt: log.now + left - DAY,
    notAfter: log.now + left,
  });
  const alarms = (...lefts: readonly number[]): readonly Alarm[] =>
    watch(
      lefts.map((left, i) => leaf(`shop/${i}`, left)),
      log.now,
    ).alarms;

  it("are what the API server takes, and tell who tells", async () => {
    const found = alarms(DAY / 5);
    await certificateEvents(log.place(), () => found).run();
    const [event] = log.events;
    assert.deepEqual(event?.body, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { generateName: "osm-certificate-", namespace: "osm-system" },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "osm-system", name: "osm-controller-1" },
      type: "Warning",
      reason: "CertificateRenewalOverdue",
      message: "the certificate of shop/0 should have been renewed by now, and ends at 2026-11-23T04:48:00.000Z",
      source: { component: "osm-controller", host: "osm-controller-1" },
      firstTimestamp: "2026-11-23T00:00:00Z",
      lastTimestamp: "2026-11-23T00:00:00Z",
      count: 1,
    });
    log.taken();
  });

  it("tell the same once in ten minutes, and what has got worse at once", async () => {
    let found = alarms(DAY / 5);
    const chore = certificateEvents(log.place(), () => found);
    await chore.run();
    await chore.run();
    assert.equal(log.taken().length, 1);
    found = alarms(DAY / 20);
    await chore.run();
    assert.match(log.taken().join(), /CertificateAboutToExpire/);
    found = alarms(-1);
    await chore.run();
    assert.match(log.taken().join(), /CertificateExpired: the certificate of shop\/0 ended at/);
    log.now += 10 * MINUTE;
    await chore.run();
    assert.equal(log.taken().length, 1);
  });

  it("name the ten most urgent of many, and tell again what the API server did not take", async () => {
    const found = alarms(...Array.from({ length: 30 }, (_, i) => (30 - i) * MINUTE));
    const chore = certificateEvents(log.place(), () => found);
    log.away = true;
    await assert.rejects(chore.run(), /connection refused/);
    log.away = false;
    await chore.run();
    await chore.run();
    const told = log.taken();
    assert.equal(told.length, 10);
    assert.match(told[0] ?? "", /shop\/29 /);
    assert.match(told[9] ?? "", /shop\/20 /);
  });

  it("a clock that is set back does not silence them", async () => {
    const found = alarms(-1);
    const chore = certificateEvents(log.place(), () => found);
    await chore.run();
    log.now -= DAY;
    await chore.run();
    assert.equal(log.taken().length, 2);
  });
});
