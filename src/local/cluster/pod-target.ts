/**
 * Which pod, and which container of it, a command means.
 *
 * @module
 */
import { SIDECAR } from "./pod-containers.ts";

/** A pod as far as naming it is concerned. */
export interface NamedPod {
  readonly namespace: string;
  readonly name: string;
  /** Name of its workload. */
  readonly workload: string;
  readonly ready: boolean;
  readonly terminating: boolean;
}

export type TargetReading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** Reads `NAMESPACE/POD` or `NAMESPACE/WORKLOAD`, which is its first ready pod; without a namespace, `default`. */
export function findPod<P extends NamedPod>(target: string, pods: readonly P[]): TargetReading<P> {
  const parts = target.split("/");
  const name = parts.at(-1) ?? "";
  const namespace = parts.length > 1 ? (parts[0] ?? "") : "default";
  if (parts.length > 2 || name === "") return { ok: false, reason: `"${target}" is not NAMESPACE/POD` };
  const near = pods.filter((pod) => pod.namespace === namespace);
  const exact = near.find((pod) => pod.name === name);
  if (exact !== undefined) return { ok: true, value: exact };
  const ofWorkload = near.filter((pod) => pod.workload === name).sort(byUsefulness);
  const [first] = ofWorkload;
  if (first !== undefined) return { ok: true, value: first };
  const known = (near.length > 0 ? near : pods).map((pod) => `${pod.namespace}/${pod.name}`);
  return {
    ok: false,
    reason: `no pod ${namespace}/${name}; there ${known.length === 0 ? "are none" : `are ${known.join(", ")}`}`,
  };
}

function byUsefulness(a: NamedPod, b: NamedPod): number {
  return Number(b.ready) - Number(a.ready) || Number(a.terminating) - Number(b.terminating);
}

/** The container of that name, or the first of the pod's own. `envoy` is the sidecar. */
export function findContainer(
  asked: string | undefined,
  pod: {
    readonly containers: readonly string[];
    readonly initContainers: readonly string[];
    readonly sidecar: boolean;
  },
): TargetReading<string> {
  const known = [...pod.containers, ...pod.initContainers, ...(pod.sidecar ? [SIDECAR] : [])];
  const [first] = known;
  const name = asked ?? first;
  if (name !== undefined && known.includes(name)) return { ok: true, value: name };
  return { ok: false, reason: `no container ${asked ?? ""}; there are ${known.join(", ")}` };
}
