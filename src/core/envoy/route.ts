/**
 * Route configurations: which request goes where, and on the server's side who may make it.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type Route as EnvoyRoute,
  type VirtualHost as EnvoyVirtualHost,
  RouteSchema,
  VirtualHostSchema,
} from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { RequestLimits, RetryPolicy, Route, RouteTable, VirtualHost } from "../ir/route.ts";
import { HTTP_LOCAL_RATE_LIMIT, HTTP_RBAC } from "./names.ts";
import { routeRules } from "./rbac.ts";
import { localRequestLimit, rateLimitActions } from "./request-limit.ts";
import { toRouteMatch } from "./route-match.ts";
import { durationOf, typed } from "./typed.ts";

/** Draws of an endpoint before one that had a try is taken again. */
const DRAWS = 5n;

/** One RDS resource. Routes keep the IR's order: Envoy takes the first that matches. */
export const buildRoutes: (table: RouteTable) => RouteConfiguration = memoByObject(({ name, virtualHosts }) =>
  create(RouteConfigurationSchema, {
    name,
    virtualHosts: virtualHosts.map(toVirtualHost),
    // A route to a cluster that is on its way must not void the table; checkConsistent sees to the names.
    validateClusters: false,
  }),
);

function toVirtualHost({ name, domains, routes, limits }: VirtualHost): EnvoyVirtualHost {
  return create(VirtualHostSchema, {
    name,
    domains: [...domains],
    routes: routes.map(toRoute),
    rateLimits: (limits?.descriptors ?? []).map(rateLimitActions),
    typedPerFilterConfig: localLimit(limits),
  });
}

function toRoute(route: Route): EnvoyRoute {
  const { match, access, limits } = route;
  return create(RouteSchema, {
    match: toRouteMatch(match),
    action: toAction(route),
    typedPerFilterConfig: {
      ...(access === undefined ? {} : { [HTTP_RBAC]: routeRules(access) }),
      ...localLimit(limits),
    },
  });
}

function localLimit(limits: RequestLimits | undefined): Record<string, Any> {
  return limits?.local === undefined ? {} : { [HTTP_LOCAL_RATE_LIMIT]: localRequestLimit(limits.local) };
}

function toAction({ clusters, retry, timeouts, limits }: Route): EnvoyRoute["action"] {
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return create(RouteSchema, { action: { case: "directResponse", value: nobodyAnswers() } }).action;
  return create(RouteSchema, {
    action: {
      case: "route",
      value: {
        clusterSpecifier: {
          case: "weightedClusters",
          value: { clusters: clusters.map(({ cluster, weight }) => ({ name: cluster, weight })) },
        },
        // Envoy's own default would cut every answer that takes longer than 15 s.
        timeout: durationOf(timeouts?.request ?? 0),
        ...(timeouts?.idle === undefined ? {} : { idleTimeout: durationOf(timeouts.idle) }),
        ...(retry === undefined ? {} : { retryPolicy: retryPolicy(retry) }),
        rateLimits: (limits?.descriptors ?? []).map(rateLimitActions),
      },
    },
  }).action;
}

function retryPolicy({ retryOn, retries, perTryTimeout, backoffBase, elsewhere }: RetryPolicy) {
  return {
    retryOn,
    ...(retries === undefined ? {} : { numRetries: retries }),
    ...(perTryTimeout === undefined ? {} : { perTryTimeout: durationOf(perTryTimeout) }),
    ...(backoffBase === undefined ? {} : { retryBackOff: { baseInterval: durationOf(backoffBase) } }),
    ...(elsewhere && otherEndpoints()),
  };
}

function otherEndpoints() {
  const predicate = typed(PreviousHostsPredicateSchema);
  return {
    retryHostPredicate: [
      {
        name: "envoy.retry_host_predicates.previous_hosts",
        configType: { case: "typedConfig" as const, value: predicate },
      },
    ],
    hostSelectionRetryMaxAttempts: DRAWS,
  };
}

/** Envoy refuses a route whose weights sum to nothing, and with it the whole table. */
function nobodyAnswers() {
  return {
    status: 503,
    body: { specifier: { case: "inlineString" as const, value: "no backend of this route has a weight above zero" } },
  };
}
