/**
 * Pods that are created all the time, while something is done to the control plane: each must be admitted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { IMAGE } from "../support/workloads.ts";
import { kubectlComplaint } from "./kubectl.ts";

export interface Creation {
  readonly created: number;
  /** Of the API server. */
  readonly complaints: readonly string[];
}

/** Creates pods in the namespace until `done`. */
export async function createPods(namespace: string, done: () => boolean): Promise<Creation> {
  const complaints: string[] = [];
  let created = 0;
  for (; !done(); created += 1) {
    const metadata = { namespace, generateName: "short-" };
    const containers = [{ name: "main", image: IMAGE, command: ["osm", "version"] }];
    const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { restartPolicy: "Never", containers } };
    // Only its admission is wanted, and not the pod.
    const complaint = await kubectlComplaint(["create", "--dry-run=server", "-f", "-"], JSON.stringify(pod));
    if (complaint !== "") complaints.push(complaint);
  }
  return { created, complaints };
}

/** All of them are admitted. */
export async function whilePodsAreCreated(namespace: string, work: () => Promise<unknown>): Promise<void> {
  let done = false;
  const creating = createPods(namespace, () => done);
  try {
    await work();
  } finally {
    done = true;
  }
  const { created, complaints } = await creating;
  assert.deepEqual(complaints, []);
  assert.ok(created > 10, `only ${created} pods were tried`);
  console.log(`created ${created} pods meanwhile`);
}
