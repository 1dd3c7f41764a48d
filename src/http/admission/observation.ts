/**
 * What admission tells of its work: metrics, log and the dashboard come from it.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

export interface AdmissionObservation {
  readonly webhook: "mutate" | "validate";
  /** One of ours, or "unknown": a client's own word would make a new metric each time. */
  readonly kind: string;
  /**
   * `failed`: it is ours, or that of somebody we asked. `malformed`: no review at all. Others are answers as they
   * should be.
   */
  readonly outcome: "injected" | "skipped" | "allowed" | "refused" | "failed" | "malformed";
  readonly namespace: string;
  /** Why, unless all went well. */
  readonly reason: string;
  readonly took: Millis;
  /** Of `failed`: what was thrown. For the log alone. */
  readonly cause?: unknown;
}

export type Observe = (observation: AdmissionObservation) => void;
