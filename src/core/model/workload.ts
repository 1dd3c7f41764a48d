/**
 * Workloads: templates of pods and how many of them.
 *
 * @module
 */
import type { Meta } from "./meta.ts";
import type { PodTemplate } from "./pod-spec.ts";

export interface Workload<K extends string> {
  readonly kind: K;
  readonly meta: Meta;
  /** Of a Job: its completions. Of a DaemonSet: 1, since there is one node. */
  readonly replicas: number;
  /** The headless Service of a StatefulSet; else "". */
  readonly serviceName: string;
  readonly template: PodTemplate;
}

export type Deployment = Workload<"Deployment">;
export type StatefulSet = Workload<"StatefulSet">;
export type DaemonSet = Workload<"DaemonSet">;
export type Job = Workload<"Job">;
