/**
 * HTTP routing: which request goes to which clusters, and on the server's side who may make it.
 *
 * @module
 */
import type { Principals, WeightedCluster } from "./protocol.ts";

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
}

export interface VirtualHost {
  readonly name: string;
  /** Each in one virtual host of a table only: Envoy refuses the table otherwise. */
  readonly domains: readonly string[];
  /** The first that matches is taken. None: 404. */
  readonly routes: readonly Route[];
}

/** `rds-outbound.<port>` or `rds-inbound.<target port>`. */
export interface RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}
