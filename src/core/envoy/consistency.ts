/**
 * The last look before a configuration is published: does everything that is named exist, once?
 *
 * @module
 */

import { Cluster_DiscoveryType } from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import type { CidrRange } from "../../../gen/envoy/config/core/v3/address_pb.ts";
import type { FilterChain } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import type { Listener } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { RouteConfiguration } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { EnvoyConfig } from "./config.ts";
import { SERVICE_CERTIFICATE } from "./names.ts";
import { clustersOfRoutes, referencesOf, secretsOf } from "./reference.ts";

/** Thrown by `checkConsistent`. It is a defect of ours: no manifest may lead here. */
export class InconsistentConfig extends Error {
  override readonly name = "InconsistentConfig";
}

/**
 * Envoy refuses a whole resource, or waits for one that never comes, for each of these.
 *
 * @throws InconsistentConfig that names the orphan or the double.
 */
export function checkConsistent(config: EnvoyConfig): void {
  const { clusters, endpoints, listeners, routes, secrets } = config;
  const names = {
    cluster: uniqueNames(
      "cluster",
      clusters.map(({ name }) => name),
    ),
    assignment: uniqueNames(
      "load assignment",
      endpoints.map(({ clusterName }) => clusterName),
    ),
    routes: uniqueNames(
      "route configuration",
      routes.map(({ name }) => name),
    ),
    secret: uniqueNames("secret", [SERVICE_CERTIFICATE, ...secrets.map(({ name }) => name)]),
  };
  uniqueNames(
    "listener",
    listeners.map(({ name }) => name),
  );
  const viaEds = clusters.filter(isEds).map(({ name }) => name);
  sameNames("EDS cluster", viaEds, "load assignment", names.assignment);
  const managed = listeners.flatMap((listener) => referencesOf(listener).routeTables);
  sameNames("connection manager's route configuration", managed, "route configuration", names.routes);

  for (const cluster of clusters)
    allKnown(`cluster ${cluster.name}`, "secret", secretsOf(cluster.transportSocket), names.secret);
  for (const listener of listeners) {
    const { clusters: used, secrets: wanted } = referencesOf(listener);
    allKnown(`listener ${listener.name}`, "secret", wanted, names.secret);
    allKnown(`listener ${listener.name}`, "cluster", used, names.cluster);
    checkChains(listener);
  }
  for (const table of routes) {
    allKnown(`route configuration ${table.name}`, "cluster", clustersOfRoutes(table), names.cluster);
    checkDomains(table);
  }
}

function isEds({ clusterDiscoveryType }: EnvoyConfig["clusters"][number]): boolean {
  return clusterDiscoveryType.case === "type" && clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
}

const checkDomains = memoByObject(({ name, virtualHosts }: RouteConfiguration): void => {
  uniqueNames(
    `virtual host of ${name}`,
    virtualHosts.map((host) => host.name),
  );
  // Envoy compares host names without regard to case.
  uniqueNames(
    `domain of ${name}`,
    virtualHosts.flatMap(({ domains }) => domains.map((domain) => domain.toLowerCase())),
  );
});

const checkChains = memoByObject(({ name, filterChains }: Listener): void => {
  uniqueNames(
    `filter chain of ${name}`,
    filterChains.map((chain) => chain.name),
  );
  const owners = new Map<string, string>();
  for (const chain of filterChains) {
    for (const match of matchesOf(chain)) {
      const other = owners.get(match);
      if (other !== undefined)
        throw new InconsistentConfig(`filter chains ${other} and ${chain.name} of ${name} both match ${match}`);
      owners.set(match, chain.name);
    }
  }
});

/** Each combination that Envoy's match tree would hold for a chain: none may belong to two chains. */
function matchesOf({ filterChainMatch: match }: FilterChain): readonly string[] {
  if (match === undefined) return ["everything"];
  const { destinationPort, prefixRanges, serverNames, transportProtocol, applicationProtocols } = match;
  const sources = rangesOf(match.sourcePrefixRanges).map((source) => (source === ANY ? "" : `from ${source}`));
  return rangesOf(prefixRanges).flatMap((address) =>
    orAny(serverNames).flatMap((server) =>
      orAny(applicationProtocols).flatMap((protocol) =>
        sources.map((source) =>
          [
            `port ${destinationPort ?? "any"} address ${address} server name ${server}`,
            transportProtocol,
            protocol === ANY ? "" : protocol,
            source,
          ]
            .filter((part) => part !== "")
            .join(" "),
        ),
      ),
    ),
  );
}

const ANY = "any";

/** Envoy keeps "no range" as the range of all addresses. */
function rangesOf(ranges: readonly CidrRange[]): readonly string[] {
  return orAny(
    ranges.map(({ addressPrefix, prefixLen = 0 }) => (prefixLen === 0 ? ANY : `${addressPrefix}/${prefixLen}`)),
  );
}

function orAny(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [ANY] : values;
}

function uniqueNames(what: string, names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new InconsistentConfig(`${what} ${name} is there twice`);
    seen.add(name);
  }
  return seen;
}

function sameNames(wantedAs: string, wanted: readonly string[], givenAs: string, given: ReadonlySet<string>): void {
  allKnown(wantedAs, givenAs, wanted, given);
  const asked = new Set(wanted);
  for (const name of given) {
    if (!asked.has(name)) throw new InconsistentConfig(`${givenAs} ${name} belongs to no ${wantedAs}`);
  }
}

function allKnown(user: string, what: string, used: readonly string[], known: ReadonlySet<string>): void {
  for (const name of used) {
    if (!known.has(name)) throw new InconsistentConfig(`${user} needs ${what} ${name}, which is not there`);
  }
}
