import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { workloadOf } from "./workload.ts";

describe("workloadOf", () => {
  for (const [kind, name, expected] of [
    ["ReplicaSet", "web-front-7d9f", "Deployment web-front"],
    ["ReplicaSet", "alone", "ReplicaSet alone"],
    ["ReplicaSet", "-7d9f", "ReplicaSet -7d9f"],
    ["StatefulSet", "zoo-keeper", "StatefulSet zoo-keeper"],
    ["Job", "nightly-123", "Job nightly-123"],
  ] as const) {
    it(`names a pod of ${kind} ${name} by ${expected}`, () => {
      const workload = workloadOf({ kind, name });
      assert.equal(`${workload.kind} ${workload.name}`, expected);
    });
  }
  it("does not guess about a pod that nothing controls", () => {
    assert.deepEqual(workloadOf(undefined), { kind: "unknown", name: "unknown" });
  });
});
