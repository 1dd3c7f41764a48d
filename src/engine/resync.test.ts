import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createResync } from "./resync.ts";

function world() {
  const timers: { readonly delay: number; readonly run: () => void; on: boolean }[] = [];
  const runs: number[] = [];
  const clock = {
    now: () => 0,
    after(delay: number, run: () => void) {
      const timer = { delay, run, on: true };
      timers.push(timer);
      return () => {
        timer.on = false;
      };
    },
  };
  const due = () => timers.filter(({ on }) => on);
  const ring = () => {
    for (const timer of due()) {
      timer.on = false;
      timer.run();
    }
  };
  return { resync: createResync(clock, () => runs.push(1)), delays: () => due().map(({ delay }) => delay), ring, runs };
}

describe("resync", () => {
  it("runs again and again, also at the interval that was there at the start", () => {
    const { resync, delays, ring, runs } = world();
    resync.every(30_000);
    ring();
    ring();
    assert.equal(runs.length, 2);
    assert.deepEqual(delays(), [30_000]);
  });

  it("keeps its time when the interval is told again, which every compile does", () => {
    const { resync, delays } = world();
    resync.every(30_000);
    resync.every(30_000);
    assert.deepEqual(delays(), [30_000]);
  });

  it("changes, stops, and stops again without having run", () => {
    const { resync, delays } = world();
    resync.every(0);
    resync.every(30_000);
    resync.every(60_000);
    assert.deepEqual(delays(), [60_000]);
    resync.every(0);
    resync.stop();
    assert.deepEqual(delays(), []);
  });
});
