/**
 * Ways into a pod for gateways outside the mesh: its services' IngressBackends (dataplane spec 2.15).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import { compareNames, compareText, keyOf } from "../base/ref.ts";
import { EVERYWHERE, rangeText } from "../graph/address-range.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { ServiceNode } from "../graph/service-node.ts";
import type { ExternalAuthorization, IngressChain } from "../ir/listener.ts";
import type { RouteTable, RouteTimeouts } from "../ir/route.ts";
import { toRouteMatches } from "./access.ts";
import { type IngressEntry, type IngressWay, ingressWays } from "./ingress-ways.ts";
import { localCluster, type Served, sniOf } from "./served.ts";

export interface IngressIr {
  /** Sorted by name. */
  readonly chains: readonly IngressChain[];
  /** `rds-ingress.<target port>`, sorted by name. Their routes lead to the pod's local upstreams. */
  readonly routeTables: readonly RouteTable[];
  readonly findings: readonly Finding[];
}

export interface IngressOf {
  readonly served: readonly Served[];
  readonly authorizationOf: (service: ServiceNode) => ExternalAuthorization | undefined;
  readonly timeoutsOf: (service: ServiceNode) => RouteTimeouts | undefined;
}

/** All objects that the ingress of a pod of these services is a function of; compared by reference. */
export function ingressInputs({ ingressTo }: MeshGraph, services: readonly ServiceNode[]): readonly unknown[] {
  return services.flatMap((service) => ingressTo.get(keyOf(service)) ?? []);
}

export function resolveIngress(graph: MeshGraph, of: IngressOf): IngressIr {
  const findings: Finding[] = [];
  const chained = of.served.filter((one) => one.chained);
  const byPort = Map.groupBy(entriesOf(graph, chained), ({ node }) => node.port);
  const ports = [...byPort].map(([port, entries]) => {
    const names = chained.filter(({ ports: [first] }) => first.targetPort === port).map(sniOf);
    const tableOf = (entry: IngressEntry) => tableName(entry, entries);
    const ways = ingressWays(entries, names, findings);
    const inForce = entries.filter((entry) => ways.some((way) => way.entry === entry));
    return {
      chains: inForce.flatMap((entry) =>
        chainsOf(
          ways.filter((way) => way.entry === entry),
          of,
          tableOf(entry),
        ),
      ),
      routeTables: inForce.map((entry) => routeTable(entry, tableOf(entry), of)),
    };
  });
  return {
    chains: ports.flatMap(({ chains }) => chains).sort(byName),
    routeTables: ports.flatMap(({ routeTables }) => routeTables).sort(byName),
    findings,
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareText(a.name, b.name);
}

/** The oldest first. An object that leads to several hosts of a StatefulSet's pod is there once. */
function entriesOf({ ingressTo }: MeshGraph, chained: readonly Served[]): readonly IngressEntry[] {
  const entries = chained.flatMap((served) => {
    const nodes = ingressTo.get(keyOf(served.service)) ?? [];
    return nodes.filter(({ port }) => port === served.ports[0].targetPort).map((node) => ({ node, served }));
  });
  const unique = [...new Map(entries.map((entry) => [entry.node, entry])).values()];
  return unique.sort((a, b) => a.node.createdAt - b.node.createdAt || compareNames(a.node, b.node));
}

/** One for each port: OSM had one for all, so that every port led to the first backend. */
function tableName({ node }: IngressEntry, [first]: readonly IngressEntry[]): string {
  const suffix = first === undefined || first.node === node ? "" : `.${node.service}`;
  return `rds-ingress.${node.port}${suffix}`;
}

function chainsOf(ways: readonly IngressWay[], of: IngressOf, table: string): readonly IngressChain[] {
  return ways.map(({ entry: { node, served }, serverNames, sources }, i): IngressChain => {
    const authorization = of.authorizationOf(served.service);
    const name = `ingress_${node.namespace}/${node.service}_${node.port}_${node.protocol}`;
    const isAny = sources.length === 1 && rangeText(sources[0]) === rangeText(EVERYWHERE);
    return {
      name: i === 0 ? name : `${name}.${serverNames[0] ?? "any"}`,
      port: node.port,
      sources: isAny ? "any" : sources,
      ...(node.protocol === "https" && {
        tls: { clients: node.clients, serverNames, alpn: offeredProtocols(served) },
      }),
      routeTable: table,
      paths: node.matches === undefined ? "open" : "decided",
      ...(authorization && { authorization }),
    };
  });
}

const HTTP2_ONLY = new Set(["grpc", "http2", "h2c", "kubernetes.io/h2c"]);

/**
 * Clients of gRPC want HTTP/2 agreed on in the handshake. Where the application may speak HTTP/1.1 alone nothing is
 * offered, as in OSM: a gateway that offers both would be answered in HTTP/2, and the application would be asked in it.
 */
function offeredProtocols({ ports: [port] }: Served): readonly string[] {
  return HTTP2_ONLY.has(port.protocol.toLowerCase()) ? ["h2"] : [];
}

function routeTable({ node, served }: IngressEntry, name: string, { timeoutsOf }: IngressOf): RouteTable {
  const clusters = [{ cluster: localCluster(served), weight: 100 }];
  const timeouts = timeoutsOf(served.service);
  const allowed = node.matches?.flatMap(toRouteMatches) ?? [{ pathRegex: ".*", headers: [] }];
  const unique = new Map(allowed.map((match) => [JSON.stringify(match), match]));
  const routes = [...unique.values()].map((match) => ({
    match,
    clusters,
    access: { principals: node.principals, also: [] },
    ...(timeouts && { timeouts }),
  }));
  const host = `ingress_virtual-host|${node.namespace}/${node.service}_from_${node.name}`;
  return { name, virtualHosts: [{ name: host, domains: ["*"], routes }] };
}
