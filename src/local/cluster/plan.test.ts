import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Controller, type OwnedPod, planPods } from "./plan.ts";

function pod(name: string, over: Partial<OwnedPod> = {}): OwnedPod {
  return {
    name,
    hash: "new",
    ordinal: -1,
    ready: true,
    terminating: false,
    phase: "active",
    createdAt: 0,
    endedAt: 0,
    restarts: 0,
    ...over,
  };
}

function plan(controller: Controller, pods: readonly OwnedPod[], now = 0): string {
  const { create, remove, again } = planPods({ controller, hash: "new", pods, now });
  const note = again === undefined ? "" : ` again ${again}`;
  return `+${create.join(",")} -${remove.join(",")}${note}`;
}

function deployment(replicas: number, over: Partial<Extract<Controller, { kind: "deployment" }>> = {}): Controller {
  return { kind: "deployment", replicas, recreate: false, maxSurge: 1, maxUnavailable: 0, ...over };
}

const stale = { hash: "old" };

describe("planPods of a Deployment", () => {
  it("creates what is missing and counts no terminating pods", () => {
    assert.equal(plan(deployment(3), []), "+-1,-1,-1 -");
    assert.equal(plan(deployment(2), [pod("a"), pod("b", { terminating: true })]), "+-1 -");
  });

  it("removes the unready first, then the youngest", () => {
    const pods = [pod("old", { createdAt: 1 }), pod("young", { createdAt: 2 }), pod("sick", { ready: false })];
    assert.equal(plan(deployment(2), pods), "+ -sick");
    assert.equal(plan(deployment(1), pods), "+ -sick,young");
    assert.equal(plan(deployment(0), [pod("a")]), "+ -a");
  });

  it("replaces a template with the new pod ready first", () => {
    assert.equal(plan(deployment(1), [pod("a", stale)]), "+-1 -");
    assert.equal(plan(deployment(1), [pod("a", stale), pod("b", { ready: false })]), "+ -");
    assert.equal(plan(deployment(1), [pod("a", stale), pod("b")]), "+ -a");
  });

  it("goes through a larger one step by step and never below what must be ready", () => {
    const pods = [pod("a", stale), pod("b", stale), pod("c", stale)];
    assert.equal(plan(deployment(3), pods), "+-1 -");
    assert.equal(plan(deployment(3), [...pods, pod("d")]), "+ -c");
    assert.equal(plan(deployment(3, { maxUnavailable: 1 }), pods), "+-1 -c");
  });

  it("does not wait for pods of a broken template", () => {
    assert.equal(plan(deployment(1), [pod("a", { ...stale, ready: false })]), "+-1 -a");
  });

  it("with Recreate takes all old ones away before the first new one", () => {
    const recreate = deployment(2, { recreate: true });
    assert.equal(plan(recreate, [pod("a", stale), pod("b", stale)]), "+ -b,a");
    assert.equal(plan(recreate, [pod("a", { ...stale, terminating: true })]), "+ -");
    assert.equal(plan(recreate, []), "+-1,-1 -");
  });
});

describe("planPods of a StatefulSet", () => {
  const set = (replicas: number, parallel = false): Controller => ({ kind: "stateful", replicas, parallel });
  const at = (ordinal: number, over: Partial<OwnedPod> = {}): OwnedPod => pod(`db-${ordinal}`, { ordinal, ...over });

  it("creates one after the other, each once all before it are ready", () => {
    assert.equal(plan(set(3), []), "+0 -");
    assert.equal(plan(set(3), [at(0, { ready: false })]), "+ -");
    assert.equal(plan(set(3), [at(0)]), "+1 -");
    assert.equal(plan(set(3, true), []), "+0,1,2 -");
  });

  it("fills a hole before it goes on, and waits until the name is free", () => {
    assert.equal(plan(set(3), [at(1), at(2)]), "+0 -");
    assert.equal(plan(set(3), [at(0, { terminating: true, ready: false }), at(1), at(2)]), "+ -");
  });

  it("scales down from the highest, one at a time", () => {
    assert.equal(plan(set(1), [at(0), at(1), at(2)]), "+ -db-2");
    assert.equal(plan(set(1), [at(0), at(1), at(2, { terminating: true })]), "+ -");
    assert.equal(plan(set(1, true), [at(0), at(1), at(2)]), "+ -db-2,db-1");
  });

  it("replaces a template from the highest, one at a time, while all others are ready", () => {
    assert.equal(plan(set(2), [at(0, stale), at(1, stale)]), "+ -db-1");
    assert.equal(plan(set(2), [at(0, stale), at(1, { ready: false })]), "+ -");
    assert.equal(plan(set(2), [at(0, stale), at(1)]), "+ -db-0");
  });

  it("replaces a pod of a broken template although it is not ready", () => {
    assert.equal(plan(set(1), [at(0, { ...stale, ready: false })]), "+ -db-0");
  });
});

describe("planPods of a single pod", () => {
  it("creates one, and replaces it once the old one is gone", () => {
    const single: Controller = { kind: "single" };
    assert.equal(plan(single, []), "+-1 -");
    assert.equal(plan(single, [pod("p", stale)]), "+ -p");
    assert.equal(plan(single, [pod("p", { ...stale, terminating: true })]), "+ -");
    assert.equal(plan(single, [pod("p", { phase: "succeeded", ready: false })]), "+ -");
  });
});

describe("planPods of a Job", () => {
  const job = (over: Partial<Extract<Controller, { kind: "job" }>> = {}): Controller => ({
    kind: "job",
    completions: 1,
    parallelism: 1,
    backoffLimit: 2,
    ...over,
  });
  const done = { phase: "succeeded", ready: false } as const;
  const failed = { phase: "failed", ready: false } as const;

  it("runs until enough pods completed, so many at a time", () => {
    assert.equal(plan(job(), []), "+-1 -");
    assert.equal(plan(job(), [pod("a", done)]), "+ -");
    assert.equal(plan(job({ completions: 3, parallelism: 2 }), [pod("a", done)]), "+-1,-1 -");
    assert.equal(plan(job({ completions: 3, parallelism: 2 }), [pod("a", done), pod("b", done)]), "+-1 -");
  });

  it("waits longer after each failure, then gives up", () => {
    assert.equal(plan(job(), [pod("a", { ...failed, endedAt: 500 })], 600), "+ - again 1500");
    assert.equal(plan(job(), [pod("a", { ...failed, endedAt: 500 })], 1500), "+-1 -");
    const two = [pod("a", { ...failed, endedAt: 500 }), pod("b", { ...failed, endedAt: 2000 })];
    assert.equal(plan(job(), two, 2000), "+ - again 4000");
    assert.equal(plan(job(), [...two, pod("c", { ...failed, endedAt: 9000 })], 99_000), "+ -");
  });

  it("counts restarts inside a pod as failures", () => {
    assert.equal(plan(job(), [pod("a", { restarts: 3, ready: false })]), "+ -a");
  });
});
