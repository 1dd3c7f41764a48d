import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LeaseSpec, type ObservedLease, observeLease, readLease, releaseLease, stepLease } from "./lease-step.ts";

const WALL = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const moment = (identity: string, now: number) => ({ identity, duration: 15_000, now, wallClock: WALL });

/** What is there once `spec` was written and seen at `now`. */
function seen(spec: LeaseSpec, now: number, before?: ObservedLease): ObservedLease {
  return observeLease(before, readLease({ spec }), now);
}

function written(observed: ObservedLease | undefined, identity: string, now: number): LeaseSpec {
  const step = stepLease(observed, moment(identity, now));
  assert.ok(step.kind === "write", `${identity} must wait`);
  return step.spec;
}

describe("stepLease", () => {
  it("claims a lease that is not there, in Kubernetes' spelling", () => {
    assert.deepEqual(written(undefined, "a", 0), {
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-02T03:04:05.678000Z",
      renewTime: "2026-01-02T03:04:05.678000Z",
      leaseTransitions: 0,
    });
  });

  it("renews its own, and keeps when and how often it was acquired", () => {
    const before = seen({ ...written(undefined, "a", 0), acquireTime: "long ago", leaseTransitions: 3 }, 0);
    const { acquireTime, renewTime, leaseTransitions } = written(before, "a", 5000);
    assert.deepEqual([acquireTime, renewTime, leaseTransitions], ["long ago", "2026-01-02T03:04:05.678000Z", 3]);
  });

  it("waits for another's until it saw it unchanged for the promised time, whatever the clocks say", () => {
    const ancient = {
      ...written(undefined, "b", 0),
      renewTime: "1970-01-01T00:00:00.000000Z",
      leaseDurationSeconds: 20,
    };
    const first = seen(ancient, 1000);
    assert.deepEqual(stepLease(first, moment("a", 1000)), { kind: "wait", holder: "b", delay: 20_000 });
    const again = seen(ancient, 20_000, first);
    assert.deepEqual(stepLease(again, moment("a", 20_999)), { kind: "wait", holder: "b", delay: 1 });
    assert.equal(written(again, "a", 21_000).leaseTransitions, 1);
  });

  it("starts to wait anew when the holder renewed, or became another", () => {
    const first = seen(written(undefined, "b", 0), 0);
    const renewed = seen({ ...written(undefined, "b", 0), renewTime: "later" }, 14_000, first);
    assert.equal(stepLease(renewed, moment("a", 15_000)).kind, "wait");
    const other = seen(written(undefined, "c", 0), 14_000, first);
    assert.equal(stepLease(other, moment("a", 15_000)).kind, "wait");
  });

  it("takes a released lease at once", () => {
    const { record } = seen(written(undefined, "b", 0), 0);
    const released = seen(releaseLease(record, WALL), 1);
    assert.equal(written(released, "a", 1).holderIdentity, "a");
  });

  it("takes a lease that says nothing", () => {
    assert.equal(written(observeLease(undefined, readLease({}), 0), "a", 0).holderIdentity, "a");
  });
});
