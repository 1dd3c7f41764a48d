/**
 * Where a proxy may send traffic: one value for each Envoy cluster.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";

/** How much a proxy may have under way towards an upstream. Absent: no limit, and Envoy's own times. */
export interface ConnectionLimits {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  readonly maxRequestsPerConnection?: number;
  readonly connectTimeout?: Millis;
  /** After which a connection without a request is closed. 0: never. Connections of bytes: see `Silence`. */
  readonly idleTimeout?: Millis;
}

/** When an endpoint that answers badly is left alone for a while. */
export interface OutlierDetection {
  readonly consecutiveErrors: number;
  readonly interval: Millis;
  readonly baseEjectionTime: Millis;
  /** At most this share of the endpoints, 0 to 100. */
  readonly maxEjectionPercent: number;
}

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
  readonly limits?: ConnectionLimits;
  /** Asks each endpoint again and again whether it answers, and leaves out those that do not. */
  readonly healthChecks?: boolean;
  readonly outliers?: OutlierDetection;
}

/** The application behind the proxy, on the pod's own loopback. */
export interface LocalUpstream {
  readonly kind: "local";
  /** `ns/svc|<target port>|local`. */
  readonly name: string;
  readonly port: number;
}

/** Outside the mesh, at the address that the application dialled. */
export interface OriginalUpstream {
  readonly kind: "original";
  /** `passthrough-outbound` (`traffic.enableEgress`), the port of an Egress, or `<host>:<port>` of one over HTTP. */
  readonly name: string;
  /** How requests are sent: as they came. Absent: it carries bytes. */
  readonly protocol?: "same";
  readonly limits?: ConnectionLimits;
}

/** Outside the mesh, or a service that the proxy itself asks, found by DNS and reached in clear text. */
export interface HostUpstream {
  readonly kind: "host";
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `same`: as the request came. */
  readonly protocol: "same" | "http1" | "http2";
  readonly limits?: ConnectionLimits;
}

/** Envoy's own statistics, for the Prometheus listener. */
export interface MetricsUpstream {
  readonly kind: "metrics";
  readonly name: "envoy-metrics-cluster";
}

export type Upstream = MeshUpstream | LocalUpstream | OriginalUpstream | HostUpstream | MetricsUpstream;

export interface Endpoint {
  /** IPv4 address. */
  readonly address: string;
  readonly port: number;
  /** It is going away: what is under way there goes on, and nothing new comes. */
  readonly draining?: true;
  /** Whose it is, for metrics; absent where nobody reads them. */
  readonly workload?: EndpointWorkload;
}

export interface EndpointWorkload {
  readonly namespace: string;
  /** `Deployment` and such; `unknown` of a pod that nothing controls, as the name. */
  readonly kind: string;
  readonly name: string;
  readonly pod: string;
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
