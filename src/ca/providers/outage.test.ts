import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IssueRefused } from "../refusal.ts";
import { HandClock, seeded } from "../testing/leaf-rig.ts";
import { type OutageEvent, OutageWatch } from "./outage.ts";
import { ProviderUnavailable } from "./unavailable.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function setUp(random: () => number = () => 0.5) {
  const clock = new HandClock();
  const events: OutageEvent[] = [];
  const watch = new OutageWatch({ provider: "Vault", clock, random, onEvent: (event) => events.push(event) });
  let asked = 0;
  const fail = () =>
    watch.run(() => {
      asked += 1;
      return Promise.reject(new Error("sealed"));
    });
  const succeed = () => watch.run(() => Promise.resolve("leaf"));
  return { clock, events, watch, fail, succeed, asked: () => asked };
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "succeeded",
    (cause: unknown) => (cause instanceof ProviderUnavailable ? cause.kind : String(cause)),
  );
}

describe("OutageWatch", () => {
  it("a provider that works is never held back", async () => {
    const { succeed, watch, events } = setUp();
    for (let i = 0; i < 50; i++) assert.equal(await succeed(), "leaf");
    assert.deepEqual([watch.current(), events], [undefined, []]);
  });

  it("of a hundred identities in five minutes of outage some thirty ask, and the others are told at once", async () => {
    const { clock, fail, asked, watch, events } = setUp(seeded(7));
    const from = clock.now();
    for (let second = 0; second < 300; second++) {
      for (let identity = 0; identity < 100; identity++) await fail().catch(() => undefined);
      clock.wall += SECOND;
    }
    assert.ok(asked() >= 12 && asked() <= 40, `it was asked ${asked()} times`);
    assert.equal(watch.current()?.since, from);
    assert.equal(watch.current()?.failures, asked());
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["began"],
    );
  });

  it("waits twice as long each time, up to half a minute", async () => {
    const { clock, fail, watch } = setUp(() => 0.999_999);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await fail().catch(() => undefined);
      const wait = (watch.current()?.retryAt ?? 0) - clock.now();
      waits.push(Math.round(wait / SECOND));
      clock.wall += wait;
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it("says how long it lasted when it is over, and asks freely from then on", async () => {
    const { clock, fail, succeed, watch, events } = setUp();
    assert.equal(await kindOf(fail()), "Error: sealed");
    assert.equal(await kindOf(succeed()), "waiting");
    clock.wall += 5 * MINUTE;
    assert.equal(await succeed(), "leaf");
    assert.deepEqual(events.at(-1), { kind: "ended", lasted: 5 * MINUTE, failures: 1 });
    assert.equal(watch.current(), undefined);
    assert.equal(await succeed(), "leaf");
  });

  it("one asks while the others wait for its answer", async () => {
    const { clock, fail, watch } = setUp();
    await fail().catch(() => undefined);
    clock.wall += MINUTE;
    let answer = (_: string): void => {};
    const slow = watch.run(
      () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
    );
    assert.equal(await kindOf(watch.run(() => Promise.resolve("second"))), "waiting");
    answer("leaf");
    assert.equal(await slow, "leaf");
  });

  it("a name that the provider refuses is no outage", async () => {
    const { watch, events } = setUp();
    const refused = new IssueRefused({ kind: "provider-refused", provider: "Vault", detail: "no", wayOut: "ask less" });
    for (let i = 0; i < 3; i++) assert.match(await kindOf(watch.run(() => Promise.reject(refused))), /ask less/);
    assert.deepEqual([watch.current(), events], [undefined, []]);
  });

  it("a clock that is set back does not hold the next try back for as long", async () => {
    const { clock, fail, succeed } = setUp();
    clock.wall += 24 * 60 * MINUTE;
    await fail().catch(() => undefined);
    clock.wall -= 24 * 60 * MINUTE;
    assert.equal(await succeed(), "leaf");
  });
});
