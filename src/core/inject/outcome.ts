/**
 * What injection is asked, and what it can say.
 *
 * @module
 */
import type { ProbePlan } from "../ir/probe.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import type { JsonPatch } from "./json-patch.ts";
import type { InjectSettings } from "./settings.ts";

export interface InjectionRequest {
  /** The Pod as it came. */
  readonly pod: unknown;
  readonly namespace: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly mesh: MeshConfig;
  readonly settings: InjectSettings;
  /** Of the proxy that the pod would get. */
  readonly uuid: string;
}

/** What the Secret that the proxy starts from depends on. */
export interface SidecarStart {
  readonly serviceAccount: string;
  readonly probes: ProbePlan;
  /** The other containers wait for the proxy, so it waits for its configuration. */
  readonly native: boolean;
}

/** Warnings are for the pod's author; one line each. */
export type InjectionOutcome =
  | {
      readonly kind: "inject";
      readonly patch: JsonPatch;
      readonly start: SidecarStart;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "skip"; readonly reason: string; readonly warnings: readonly string[] }
  | { readonly kind: "refuse"; readonly reason: string };
