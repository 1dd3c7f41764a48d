/**
 * Small values that several parts of the IR use.
 *
 * @module
 */
import type { NonEmpty } from "../base/non-empty.ts";

/** How a port's traffic is carried: by an HTTP connection manager or byte by byte. */
export type Carriage = "http" | "tcp";

/** Who is meant, in the spelling of certificates: `<account>.<namespace>.<trust domain>`. */
export type Principals = { readonly kind: "anyone" } | { readonly kind: "these"; readonly names: NonEmpty<string> };

export type TlsVersion = "TLS_AUTO" | "TLSv1_0" | "TLSv1_1" | "TLSv1_2" | "TLSv1_3";

/** What both sides of every connection in the mesh agree on (MeshConfig `spec.sidecar`). */
export interface TlsSettings {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Empty: Envoy's own list. */
  readonly cipherSuites: readonly string[];
  readonly ecdhCurves: readonly string[];
}

/** A cluster and its share. The share is relative to the sum over the list. */
export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
}
