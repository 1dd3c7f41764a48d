import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { currentOf, seeded, setUp } from "./testing/leaf-rig.ts";
import { watch } from "./watchdog.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("leaves of 24 h over 60 days", () => {
  it("are renewed without a gap, a drift or a growth, and the watchdog has nothing to say", async () => {
    const { clock, issuer, store, failures, renewed, pass } = setUp(DAY, seeded(7));
    const accounts = Array.from({ length: 20 }, (_, i) => ({ namespace: "shop", name: `web-${i}` }));
    for (const account of accounts) await store.demand(account);
    for (let hour = 0; hour < 60 * 24; hour++) {
      await pass(HOUR);
      const certificates = store.all().map(({ serviceAccount, leaf }) => ({
        class: "service" as const,
        name: serviceAccount.name,
        ...leaf,
      }));
      const { alarms, first } = watch(certificates, clock.now());
      assert.deepEqual(alarms, [], `after ${hour} hours`);
      assert.ok((first?.notAfter ?? 0) - clock.now() >= DAY / 3 - 60_000, `after ${hour} hours`);
      assert.equal(certificates.length, accounts.length);
      assert.ok(clock.timers.size <= 1, "timers pile up");
    }
    // Between 16 h and 13.6 h apart, whatever the jitter.
    const perAccount = (60 * 24) / 16;
    for (const account of accounts) {
      const count = renewed.filter((one) => one.account.name === account.name).length;
      assert.ok(count >= Math.floor(perAccount) && count <= (60 * 24) / 13.5, `${account.name}: ${count}`);
      assert.ok(currentOf(store, account).notAfter > clock.now());
    }
    assert.equal(issuer.asked, renewed.length + accounts.length);
    assert.deepEqual(failures, []);
    store.retain([]);
    assert.deepEqual(store.all(), []);
  });
});
