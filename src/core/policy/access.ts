/**
 * Who may call one account, at layer 4 and for each HTTP request (dataplane spec 2.9, 8).
 *
 * Only this stage decides access. Rendering cannot widen it, and no list here that is empty ever means "any".
 *
 * @module
 */
import type { ServiceAccountName } from "../base/identity.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { type MeshSettings, principalsOf } from "../graph/settings.ts";
import { compareMatches, type TargetNode } from "../graph/targets.ts";
import type { NetworkAccess, NetworkPolicy } from "../ir/listener.ts";
import type { Principals } from "../ir/protocol.ts";
import type { ConditionalAccess, Route, RouteMatch } from "../ir/route.ts";
import type { HttpMatch } from "../model/http-route-group.ts";
import { areDisjoint } from "./disjoint.ts";

/** A kind of request, and all who may make it. */
interface Grant {
  readonly match: RouteMatch;
  readonly names: ReadonlySet<string>;
}

export function networkAccess(graph: MeshGraph, account: ServiceAccountName): NetworkAccess {
  if (isPermissive(graph)) return { kind: "open" };
  const targets = graph.targetsTo.get(keyOf(account)) ?? [];
  return {
    kind: "policies",
    policies: targets.flatMap((target) => networkPolicy(target, graph.settings) ?? []),
  };
}

function networkPolicy(target: TargetNode, settings: MeshSettings): NetworkPolicy | undefined {
  const [first, ...rest] = target.sources.flatMap((source) => principalsOf(source, settings));
  if (first === undefined || target.ports.kind === "none") return undefined;
  return {
    name: keyOf(target),
    principals: { kind: "these", names: [first, ...rest] },
    ports: target.ports.kind === "any" ? "any" : target.ports.ports,
  };
}

/** The routes of every virtual host of a server, towards `cluster`. */
export function accessRoutes(graph: MeshGraph, account: ServiceAccountName): (cluster: string) => readonly Route[] {
  const routes = isPermissive(graph) ? [OPEN_ROUTE] : routesOf(grantsTo(graph, account));
  return (cluster) => routes.map((route) => ({ ...route, clusters: [{ cluster, weight: 100 }] }));
}

function isPermissive(graph: MeshGraph): boolean {
  return graph.config.traffic.enablePermissiveTrafficPolicyMode;
}

const OPEN_ROUTE: Omit<Route, "clusters"> = {
  match: { pathRegex: ".*", headers: [] },
  access: { principals: { kind: "anyone" }, also: [] },
};

/** Equal requests granted by several targets are one grant to all of their sources. */
function grantsTo(graph: MeshGraph, account: ServiceAccountName): readonly Grant[] {
  const grants = new Map<string, { match: RouteMatch; names: Set<string> }>();
  const allowed = (graph.targetsTo.get(keyOf(account)) ?? []).flatMap(({ matches, sources }) =>
    matches.map((match) => ({ match, sources })),
  );
  for (const { match, sources } of allowed.sort((a, b) => compareMatches(a.match, b.match))) {
    for (const one of toRouteMatches(match)) {
      const key = JSON.stringify(one);
      const grant = grants.get(key) ?? { match: one, names: new Set<string>() };
      grants.set(key, grant);
      for (const source of sources) for (const name of principalsOf(source, graph.settings)) grant.names.add(name);
    }
  }
  return [...grants.values()];
}

export function toRouteMatches({ pathRegex, methods, headers }: HttpMatch): readonly RouteMatch[] {
  return methods.map((method) => (method === "*" ? { pathRegex, headers } : { pathRegex, method, headers }));
}

function routesOf(grants: readonly Grant[]): readonly Omit<Route, "clusters">[] {
  return grants.map((grant, i) => {
    // Only later routes can be shadowed by this one, and only by a request of a method that both take.
    const shadowed = grants
      .slice(i + 1)
      .filter((other) => mayOverlap(grant.match, other.match) && !isSubset(other.names, grant.names));
    const also = shadowed.map(
      (other): ConditionalAccess => ({
        match: other.match,
        principals: toPrincipals(other.names),
      }),
    );
    return {
      match: grant.match,
      access: { principals: toPrincipals(grant.names), also },
    };
  });
}

/** Errs towards yes: the condition is checked by Envoy on each request, so a needless one costs bytes alone. */
function mayOverlap(a: RouteMatch, b: RouteMatch): boolean {
  const methods = a.method === undefined || b.method === undefined || a.method === b.method;
  return methods && !areDisjoint(a.pathRegex, b.pathRegex);
}

function isSubset(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((name) => all.has(name));
}

function toPrincipals(names: ReadonlySet<string>): Principals {
  // A grant exists since a target with a source made it, so there is always a first.
  return {
    kind: "these",
    names: [...names].sort(compareText) as unknown as NonEmpty<string>,
  };
}
