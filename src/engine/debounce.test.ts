import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Clock } from "./clock.ts";
import { createDebounce } from "./debounce.ts";

/** A clock that a test moves. */
function heldClock() {
  let now = 1_000_000;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after(delay, run) {
      const timer = { at: now + delay, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  };
  function pass(span: number): void {
    const end = now + span;
    for (;;) {
      const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      timers = timers.filter((one) => one !== next);
      now = Math.max(now, next.at);
      next.run();
    }
    now = end;
  }
  return { clock, pass };
}

function counted() {
  const { clock, pass } = heldClock();
  const runs: number[] = [];
  const start = clock.now();
  return { pass, runs, debounce: createDebounce(clock, () => runs.push(clock.now() - start)) };
}

describe("debounce", () => {
  it("lets a single change after a quiet time through at once, but after the turn that told of it", () => {
    const { debounce, runs, pass } = counted();
    debounce.touch();
    assert.deepEqual(runs, []);
    pass(0);
    assert.deepEqual(runs, [0]);
  });

  it("takes changes of one turn together", () => {
    const { debounce, runs, pass } = counted();
    for (let i = 0; i < 5; i++) debounce.touch();
    pass(500);
    assert.deepEqual(runs, [0]);
  });

  it("waits for 100 ms of quiet after the first", () => {
    const { debounce, runs, pass } = counted();
    debounce.touch();
    for (let i = 0; i < 4; i++) {
      pass(30);
      debounce.touch();
    }
    pass(500);
    assert.deepEqual(runs, [0, 220]);
  });

  it("never waits longer than a second", () => {
    const { debounce, runs, pass } = counted();
    debounce.touch();
    for (let i = 0; i < 250; i++) {
      pass(10);
      debounce.touch();
    }
    pass(500);
    assert.equal(runs[0], 0);
    const waits = runs.slice(1).map((at, i) => at - (runs[i] ?? 0));
    assert.ok(waits.length >= 3, `ran at ${runs}`);
    for (const wait of waits) assert.ok(wait <= 1_010, `ran at ${runs}`);
  });

  it("is quick again once it was quiet", () => {
    const { debounce, runs, pass } = counted();
    debounce.touch();
    pass(1000);
    debounce.touch();
    pass(0);
    assert.deepEqual(runs, [0, 1000]);
  });

  it("runs no more once stopped", () => {
    const { debounce, runs, pass } = counted();
    debounce.touch();
    debounce.stop();
    pass(5000);
    assert.deepEqual(runs, []);
  });
});
