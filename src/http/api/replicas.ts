/**
 * Who answers, and who else could: what each replica sees, it sees of the proxies that are connected to it.
 *
 * @module
 */
import * as v from "valibot";
import { compareText } from "../../core/base/ref.ts";
import type { ReplicaState } from "./mesh-view.ts";

export const Replicas = v.pipe(
  v.array(v.object({ name: v.string(), leader: v.boolean(), self: v.boolean() })),
  v.description("Of the control plane, by name. `self` is the one that answers"),
);

export function toReplicas(replicas: readonly ReplicaState[]): v.InferOutput<typeof Replicas> {
  return [...replicas]
    .sort((a, b) => compareText(a.name, b.name))
    .map(({ name, leader, self }) => ({ name, leader, self }));
}
