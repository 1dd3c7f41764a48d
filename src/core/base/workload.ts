/**
 * The workload that a pod belongs to, as metrics name it (dataplane spec 3.6).
 *
 * @module
 */

export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

/** A pod that nothing controls, and what is not known at all. */
const UNKNOWN = "unknown";

/** @param owner - The controlling owner of the pod. A Deployment owns its pods through a ReplicaSet `<name>-<hash>`. */
export function workloadOf(owner: WorkloadName | undefined): WorkloadName {
  if (owner === undefined) return { kind: UNKNOWN, name: UNKNOWN };
  const { kind, name } = owner;
  const end = name.lastIndexOf("-");
  return kind === "ReplicaSet" && end > 0 ? { kind: "Deployment", name: name.slice(0, end) } : { kind, name };
}
