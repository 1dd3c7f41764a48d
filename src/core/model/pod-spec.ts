/**
 * How a pod's containers run. For whoever runs or patches pods; the control plane needs `pod.ts` alone.
 *
 * @module
 */
import type { ContainerPort } from "./port.ts";
import type { Probe } from "./probe.ts";

/** `$(VAR)` is left as written: expanding it is the runtime's work. */
export type EnvVar =
  | { readonly name: string; readonly kind: "value"; readonly value: string }
  | { readonly name: string; readonly kind: "field"; readonly fieldPath: string }
  /** `source` names the key of `valueFrom` that is not carried, such as `secretKeyRef`. */
  | { readonly name: string; readonly kind: "unsupported"; readonly source: string };

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** "": the image's own. */
  readonly workingDir: string;
  readonly env: readonly EnvVar[];
  readonly ports: readonly ContainerPort[];
  readonly runAsUser?: number;
  /** An init container that keeps running beside the others (a native sidecar). */
  readonly restartPolicy?: "Always";
  readonly readiness?: Probe;
  readonly liveness?: Probe;
  readonly startup?: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface PodSpec {
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  readonly subdomain: string;
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  readonly terminationGracePeriodSeconds: number;
  readonly runAsUser?: number;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
}

export interface PodTemplate {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}
