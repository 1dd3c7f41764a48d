/**
 * What a kind is to the mesh: its name in the API and how one object of it is read.
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";

/** `ok`: the object takes effect, and the findings are warnings. Otherwise at least one finding is an error. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly findings: readonly Finding[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export interface Kind<T> {
  readonly kind: string;
  /** API group; "" for Kubernetes' core. */
  readonly group: string;
  readonly plural: string;
  /** Served versions, newest first. */
  readonly versions: readonly string[];
  /** Declared by OSM's CRDs but not served: they parse to `version-unserved`. */
  readonly unserved: readonly string[];
  readonly namespaced: boolean;
  /** Never throws. The value is frozen. */
  parse(raw: unknown): Parsed<T>;
}
