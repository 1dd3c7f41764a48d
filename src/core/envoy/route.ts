/**
 * Route configurations: which request goes where, and on the server's side who may make it.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  type Route as EnvoyRoute,
  type VirtualHost as EnvoyVirtualHost,
  RouteSchema,
  VirtualHostSchema,
} from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import { type RouteConfiguration, RouteConfigurationSchema } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { WeightedCluster } from "../ir/protocol.ts";
import type { Route, RouteTable, VirtualHost } from "../ir/route.ts";
import { HTTP_RBAC } from "./names.ts";
import { routeRules } from "./rbac.ts";
import { toRouteMatch } from "./route-match.ts";
import { durationOf } from "./typed.ts";

/** One RDS resource. Routes keep the IR's order: Envoy takes the first that matches. */
export const buildRoutes: (table: RouteTable) => RouteConfiguration = memoByObject(({ name, virtualHosts }) =>
  create(RouteConfigurationSchema, {
    name,
    virtualHosts: virtualHosts.map(toVirtualHost),
    // A route to a cluster that is on its way must not void the table; checkConsistent sees to the names.
    validateClusters: false,
  }),
);

function toVirtualHost({ name, domains, routes }: VirtualHost): EnvoyVirtualHost {
  return create(VirtualHostSchema, { name, domains: [...domains], routes: routes.map(toRoute) });
}

function toRoute({ match, clusters, access }: Route): EnvoyRoute {
  return create(RouteSchema, {
    match: toRouteMatch(match),
    action: toAction(clusters),
    typedPerFilterConfig: access === undefined ? {} : { [HTTP_RBAC]: routeRules(access) },
  });
}

function toAction(clusters: readonly WeightedCluster[]): EnvoyRoute["action"] {
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
        timeout: durationOf(0),
      },
    },
  }).action;
}

/** Envoy refuses a route whose weights sum to nothing, and with it the whole table. */
function nobodyAnswers() {
  return {
    status: 503,
    body: { specifier: { case: "inlineString" as const, value: "no backend of this route has a weight above zero" } },
  };
}
