/**
 * TrafficSplit: shares of a Service's traffic for other Services.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

export interface SplitBackend {
  readonly service: string;
  /** Relative to the sum over the backends; 0 or more. */
  readonly weight: number;
}

export interface TrafficSplit {
  readonly kind: "TrafficSplit";
  readonly meta: Meta;
  /** As written: `svc`, `svc.ns`, the full domain name, each with or without a port. */
  readonly service: string;
  readonly backends: readonly SplitBackend[];
}
