/**
 * Host → virtual host → route → clusters, as Envoy decides it.
 *
 * @module
 */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Route, VirtualHost } from "../../gen/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { RBACPerRouteSchema } from "../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { HTTP_RBAC } from "../../src/core/envoy/names.ts";
import { allows, type Caller, headerMatches } from "./access.ts";
import { type HttpRequest, matchesWhole } from "./http-request.ts";

export type Routed =
  | { readonly kind: "no host" | "no route" | "denied" }
  | { readonly kind: "answered"; readonly status: number }
  | { readonly kind: "clusters"; readonly shares: ReadonlyMap<string, number> };

export function routeRequest(table: RouteConfiguration, request: HttpRequest, caller: Caller): Routed {
  const host = hostFor(table, request.authority);
  if (host === undefined) return { kind: "no host" };
  const route = host.routes.find((one) => routeMatches(one, request));
  if (route === undefined) return { kind: "no route" };
  const rule = route.typedPerFilterConfig[HTTP_RBAC];
  const access = rule && anyUnpack(rule, RBACPerRouteSchema);
  if (rule !== undefined && access === undefined) throw new Error("the route's RBAC is of another type");
  return allows(access?.rbac?.rules, { ...caller, request }) ? actionOf(route) : { kind: "denied" };
}

function hostFor({ virtualHosts }: RouteConfiguration, authority: string): VirtualHost | undefined {
  const wanted = authority.toLowerCase();
  const below = (domain: string): boolean => domain.startsWith("*.") && wanted.endsWith(domain.slice(1));
  return (
    virtualHosts.find(({ domains }) => domains.some((domain) => domain.toLowerCase() === wanted)) ??
    virtualHosts.find(({ domains }) => domains.some(below)) ??
    virtualHosts.find(({ domains }) => domains.includes("*"))
  );
}

function routeMatches({ match }: Route, request: HttpRequest): boolean {
  if (match?.pathSpecifier.case !== "safeRegex") throw new Error(`${match?.pathSpecifier.case} is not simulated`);
  const [path = ""] = request.path.split("?");
  return (
    matchesWhole(match.pathSpecifier.value.regex, path) &&
    match.headers.every((matcher) => headerMatches(matcher, request))
  );
}

function actionOf({ action }: Route): Routed {
  if (action.case === "directResponse") return { kind: "answered", status: action.value.status };
  if (action.case !== "route" || action.value.clusterSpecifier.case !== "weightedClusters")
    throw new Error(`route action ${action.case} is not simulated`);
  return { kind: "clusters", shares: sharesOf(action.value.clusterSpecifier.value.clusters) };
}

/** Shares of one, without those of nothing. */
export function sharesOf(
  clusters: readonly { readonly name: string; readonly weight?: number | undefined }[],
): ReadonlyMap<string, number> {
  const weighed = clusters.map(({ name, weight = 0 }) => ({ name, weight })).filter(({ weight }) => weight > 0);
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(weighed.map(({ name, weight }) => [name, weight / total]));
}
