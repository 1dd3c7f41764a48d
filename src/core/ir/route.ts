/**
 * HTTP routing: which request goes to which clusters, and on the server's side who may make it.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { RequestDescriptor } from "../base/rate-limit-descriptor.ts";
import type { Principals, WeightedCluster } from "./protocol.ts";
import type { LocalRateLimit } from "./rate-limit.ts";

export interface RetryPolicy {
  /** Envoy's own words, such as `5xx,reset`. */
  readonly retryOn: string;
  /** Absent: Envoy's, 1. */
  readonly retries?: number;
  readonly perTryTimeout?: Millis;
  /** Absent: Envoy's, 25 ms. */
  readonly backoffBase?: Millis;
  /** A try goes to an endpoint that has had none, if there is one. Absent: to any. */
  readonly elsewhere?: true;
}

export interface RouteTimeouts {
  /** From the end of the request to the end of the answer, all tries together. Absent: no limit. */
  readonly request?: Millis;
  /** Without a byte in either direction. 0: no limit. Absent: Envoy's five minutes. */
  readonly idle?: Millis;
}

/** Limits on requests: one that the proxy keeps, and what a rate limit service is asked. */
export interface RequestLimits {
  readonly local?: LocalRateLimit;
  /** Each is asked for itself. */
  readonly descriptors?: readonly RequestDescriptor[];
}

/** All parts must hold. Patterns are RE2 and match the whole value. */
export interface RouteMatch {
  /** Without the query. `.*` is any. */
  readonly pathRegex: string;
  /** A literal method; undefined is any. */
  readonly method?: string;
  /** In the order in which Envoy checks them; `:authority` for a rule about the host. */
  readonly headers: readonly {
    readonly name: string;
    readonly regex: string;
  }[];
}

/** Who may make a request, if it also matches. */
export interface ConditionalAccess {
  readonly match: RouteMatch;
  readonly principals: Principals;
}

/**
 * Who may make a request that reached a route; everybody else gets 403.
 *
 * Envoy takes the first route that matches and no other. Rules of other routes that could match the same request are
 * therefore repeated in `also`: what any TrafficTarget allows is allowed, whatever their order (dataplane spec 2.9).
 */
export interface RouteAccess {
  readonly principals: Principals;
  readonly also: readonly ConditionalAccess[];
}

export interface Route {
  readonly match: RouteMatch;
  /** Sorted by cluster. Empty, or of no weight at all: nothing can answer, so 503. */
  readonly clusters: readonly WeightedCluster[];
  /** Only on the server's side. */
  readonly access?: RouteAccess;
  /** Only on the caller's side. */
  readonly retry?: RetryPolicy;
  readonly timeouts?: RouteTimeouts;
  /** Only on the server's side. */
  readonly limits?: RequestLimits;
}

export interface VirtualHost {
  readonly name: string;
  /** Each in one virtual host of a table only: Envoy refuses the table otherwise. */
  readonly domains: readonly string[];
  /** The first that matches is taken. None: 404. */
  readonly routes: readonly Route[];
  /** Of routes that have none of their own. */
  readonly limits?: RequestLimits;
}

/** `rds-outbound.<port>`, `rds-egress.<port>`, `rds-inbound.<target port>` or `rds-ingress.<target port>`. */
export interface RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}
