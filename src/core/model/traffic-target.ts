/**
 * TrafficTarget: which identities may call which identity, and what of it.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

/** Should be a ServiceAccount; `core/policy` says so where it is not. */
export interface IdentityRef {
  readonly kind: string;
  readonly name: string;
  /** "" stays "": it names nobody. */
  readonly namespace: string;
}

export interface TargetRule {
  /** Should be HTTPRouteGroup or TCPRoute. */
  readonly kind: string;
  readonly name: string;
  /** undefined when left out, which is not the same as empty. */
  readonly matches?: readonly string[];
}

export interface TrafficTarget {
  readonly kind: "TrafficTarget";
  readonly meta: Meta;
  readonly destination: IdentityRef;
  readonly sources: readonly IdentityRef[];
  readonly rules: readonly TargetRule[];
}
