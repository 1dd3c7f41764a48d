import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { ProviderState } from "../ca/provider-state.ts";
import { outageEvents } from "./outage-events.ts";
import { EventLog } from "./testing/event-log.ts";

const SECOND = 1000;

describe("Events of providers", () => {
  let log = new EventLog();
  let states: readonly ProviderState[] = [];
  beforeEach(() => {
    log = new EventLog();
    states = [];
  });
  const up = (name = "vault"): ProviderState => ({ name, signing: true, outage: undefined });
  const out = (since: number, name = "vault"): ProviderState => ({
    ...up(name),
    outage: { since, lasted: log.now - since, kind: "sealed", failures: 4 },
  });
  const chore = () => outageEvents(log.place(), () => states);
  const pass = (seconds: number) => {
    log.now += seconds * SECOND;
  };

  it("tell that an outage began, every ten minutes that it lasts, and its length when it is over", async () => {
    const since = log.now;
    const teller = chore();
    states = [up()];
    await teller.run();
    assert.deepEqual(log.taken(), []);
    pass(3);
    states = [out(since)];
    await teller.run();
    assert.deepEqual(log.taken(), [
      "Warning CertificateProviderOut: osm-controller-1 gets no certificates from the provider vault since 2026-11-23T00:00:00.000Z (sealed): those in force stay so, renewals and new identities wait; the log of osm-controller-1 says why",
    ]);
    for (let passed = 5; passed <= 1200; passed += 5) {
      pass(5);
      states = [out(since)];
      await teller.run();
    }
    assert.deepEqual(log.taken(), [
      "Warning CertificateProviderOut: osm-controller-1 still gets no certificates from the provider vault, for 603 s since 2026-11-23T00:00:00.000Z, 4 tries (sealed); the log of osm-controller-1 says why",
      "Warning CertificateProviderOut: osm-controller-1 still gets no certificates from the provider vault, for 1203 s since 2026-11-23T00:00:00.000Z, 4 tries (sealed); the log of osm-controller-1 says why",
    ]);
    pass(7);
    states = [up()];
    await teller.run();
    await teller.run();
    assert.deepEqual(log.taken(), [
      "Normal CertificateProviderBack: osm-controller-1 gets certificates from the provider vault again, after 1210 s without",
    ]);
  });

  it("another outage between two looks is told of as another", async () => {
    const teller = chore();
    states = [out(log.now)];
    await teller.run();
    pass(5);
    states = [out(log.now - SECOND)];
    await teller.run();
    assert.equal(log.taken().filter((one) => one.includes("renewals and new identities wait")).length, 2);
  });

  it("a provider that is not used any more has no outage that lasts", async () => {
    const teller = chore();
    states = [out(log.now)];
    await teller.run();
    log.taken();
    pass(60);
    states = [up("builtin")];
    await teller.run();
    await teller.run();
    assert.deepEqual(log.taken(), [
      "Normal CertificateProviderBack: osm-controller-1 does not use the provider vault any more, after 60 s without",
    ]);
  });

  it("each of two is told of, and what the API server did not take is told again", async () => {
    const teller = chore();
    states = [out(log.now), out(log.now, "cert-manager")];
    log.away = true;
    await assert.rejects(teller.run());
    log.away = false;
    await teller.run();
    assert.equal(log.taken().length, 2);
    states = [up(), up("cert-manager")];
    log.away = true;
    await assert.rejects(teller.run());
    log.away = false;
    await teller.run();
    assert.equal(log.taken().length, 2);
  });
});
