/**
 * Where a proxy may send traffic: one value for each Envoy cluster.
 *
 * @module
 */
import type { NonEmpty } from "./protocol.ts";

/**
 * A port of a service in the mesh, reached over mutual TLS.
 *
 * Equal for all proxies that may reach it: secrets are named by role and by upstream service, never by caller.
 */
export interface MeshUpstream {
  readonly kind: "mesh";
  /** `ns/svc|<target port>`; of a StatefulSet's pod `ns/<pod>.<svc>|<target port>`. */
  readonly name: string;
  /** The service's full domain name, which its own proxy matches on. */
  readonly sni: string;
  /** Who may answer. `blocked`: nobody is known to, so no connection is made; never "any certificate". */
  readonly peers: { readonly kind: "these"; readonly secret: string } | { readonly kind: "blocked" };
}

/** The application behind the proxy, on the pod's own loopback. */
export interface LocalUpstream {
  readonly kind: "local";
  /** `ns/svc|<target port>|local`. */
  readonly name: string;
  readonly port: number;
}

/** Anything outside the mesh at the address that the application dialled (`traffic.enableEgress`). */
export interface PassthroughUpstream {
  readonly kind: "passthrough";
  readonly name: "passthrough-outbound";
}

/** Envoy's own statistics, for the Prometheus listener. */
export interface MetricsUpstream {
  readonly kind: "metrics";
  readonly name: "envoy-metrics-cluster";
}

export type Upstream = MeshUpstream | LocalUpstream | PassthroughUpstream | MetricsUpstream;

export interface Endpoint {
  /** IPv4 address. */
  readonly address: string;
  readonly port: number;
}

/** The addresses behind one mesh upstream. Apart from it, so that a scale-out touches nothing else. */
export interface EndpointSet {
  /** The upstream's name. */
  readonly cluster: string;
  /** Sorted. Empty: callers get 503, no healthy upstream. */
  readonly endpoints: readonly Endpoint[];
}

/** Whom a peer's certificate must name. One secret for each service called and one, without names, for callers. */
export interface TrustedPeers {
  /** `root-cert-for-mtls-outbound:<ns>/<svc>`. */
  readonly secret: string;
  /** Exact DNS SANs. */
  readonly names: NonEmpty<string>;
}
