/**
 * Outbound policy: what one caller's application may dial, and where it goes. Graph in, IR out.
 *
 * All HTTP filtering is the server's: a caller has one route for each service, whatever the TrafficTargets say
 * (dataplane spec 4.3). Splits are decided here.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareNames, compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName } from "../graph/host-names.ts";
import {
  chainSubject,
  clusterName,
  type EndpointNode,
  type PortNode,
  type ServiceNode,
} from "../graph/service-node.ts";
import { principalsOf } from "../graph/settings.ts";
import type { OutboundChain, OutboundListener } from "../ir/listener.ts";
import type { RouteTable } from "../ir/route.ts";
import type { EndpointSet, EndpointWorkload, MeshUpstream, TrustedPeers, Upstream } from "../ir/upstream.ts";
import { type EgressIr, resolveEgress } from "./egress.ts";
import { type ReachedPort, resolveRouteTables } from "./outbound-routes.ts";
import { type Reach, reachOf } from "./reach.ts";
import type { Sharing } from "./sharing.ts";
import { countsSignals, workloadsOf } from "./signals.ts";
import { clustersFor } from "./split-clusters.ts";
import { retriesAnything, retryOf, settingInputs, silenceTowards, upstreamSettings } from "./traffic-settings.ts";

export interface OutboundIr {
  readonly listener: OutboundListener | undefined;
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly Upstream[];
  readonly endpointSets: readonly EndpointSet[];
  readonly trustedPeers: readonly TrustedPeers[];
  readonly findings: readonly Finding[];
}

/** Everything about outbound that callers with the same reach and namespace have in common; computed once for a graph. */
export function resolveOutbound(graph: MeshGraph, caller: ServiceAccountName, sharing: Sharing): OutboundIr {
  const reach = reachOf(graph, caller);
  const destinations = sharing.once(graph, `destinations:${reach.key}`, () =>
    sharing.recall(`destinations:${reach.key}`, inputsOf(graph, reach), () =>
      resolveDestinations(graph, reach, sharing),
    ),
  );
  const egress = resolveEgress(graph, caller, sharing);
  const retries = retryKey(graph, caller, reach.services);
  return sharing.once(graph, `outbound:${caller.namespace}:${reach.key}:${egress.key}:${retries}`, () => {
    const listener = listenerOf(graph, destinations, egress, sharing);
    const tables = resolveRouteTables(graph, reach, { caller, listener }, sharing);
    return {
      listener,
      routeTables: [...tables.routeTables, ...egress.routeTables],
      upstreams: [...destinations.upstreams, ...egress.upstreams],
      endpointSets: destinations.endpointSets,
      trustedPeers: destinations.trustedPeers,
      findings: [...destinations.findings, ...tables.findings, ...egress.findings],
    };
  });
}

/** Equal for callers of which every request is tried alike. */
function retryKey(graph: MeshGraph, caller: ServiceAccountName, services: readonly ServiceNode[]): string {
  if (!retriesAnything(graph, caller)) return "";
  return JSON.stringify(services.map((service) => retryOf(graph, caller, service) ?? ""));
}

/** All that what a reach leads to is a function of. Whom it may use of a service's endpoints is in its key. */
function inputsOf(graph: MeshGraph, { services }: Reach): readonly unknown[] {
  const splits = services.flatMap((service) => graph.splits.get(keyOf(service)) ?? []);
  const backends = splits.flatMap((split) => split.backends.map(({ service }) => service));
  const reached = [...services, ...backends];
  return [graph.config, graph.settings, countsSignals(graph), ...reached, ...splits, ...settingInputs(graph, reached)];
}

interface Destinations extends Omit<OutboundIr, "routeTables" | "listener"> {
  readonly chains: readonly OutboundChain[];
  readonly serverFirstPorts: readonly number[];
}

function resolveDestinations(graph: MeshGraph, reach: Reach, sharing: Sharing): Destinations {
  const { parts } = sharing;
  const ports = portsOf(reach.services);
  const destined = withBackends(graph, reach.services);
  const byCluster = new Map(
    portsOf(destined).map(({ service, port }) => [clusterName(service, port), { service, port }]),
  );
  const clusters = [...byCluster].sort(([a], [b]) => compareText(a, b));
  const upstreams: Upstream[] = clusters.map(([name, { service, port }]) =>
    parts.share({ ...upstreamOf(name, service, port), ...upstreamSettings(graph, service, port) }),
  );
  if (graph.config.traffic.enableEgress)
    upstreams.push(parts.share({ kind: "original", name: "passthrough-outbound" }));
  const endpointSets = clusters
    .filter(([, { service }]) => service.accounts.length > 0)
    .map(([name, { service, port }]) => {
      const nodes = reach.endpoints(service, port);
      return parts.share(endpointSetOf(name, nodes, countsSignals(graph) ? workloadsOf(service) : new Map()));
    });
  const trustedPeers = destined.flatMap((service) => peersOf(service, graph) ?? []).map((peers) => parts.share(peers));
  const { chains, findings } = resolveChains(graph, ports);
  return {
    chains: chains.map((chain) => parts.share(chain)),
    serverFirstPorts: ports.filter(({ port }) => port.serverFirst).map(({ port }) => port.port),
    upstreams,
    endpointSets,
    trustedPeers,
    findings,
  };
}

function portsOf(services: readonly ServiceNode[]): readonly ReachedPort[] {
  return services.flatMap((service) => service.ports.map((port) => ({ service, port })));
}

/**
 * The services themselves and the backends of their splits. A backend that the caller may not reach has a cluster
 * without endpoints: its share gets 503, and does not silently go to the others.
 */
function withBackends(graph: MeshGraph, services: readonly ServiceNode[]): readonly ServiceNode[] {
  if (graph.splits.size === 0) return services;
  const all = new Set(services);
  for (const service of services) {
    for (const backend of graph.splits.get(keyOf(service))?.backends ?? []) all.add(backend.service);
  }
  return [...all].sort(compareNames);
}

function upstreamOf(name: string, service: ServiceNode, { host }: PortNode): MeshUpstream {
  const sni = domainName({ ...service, host });
  // The pods behind the Service say who may answer, not who answers now: scaled to zero means that nobody may.
  const peers: MeshUpstream["peers"] =
    service.accounts.length === 0 ? { kind: "blocked" } : { kind: "these", secret: peersSecret(service) };
  return { kind: "mesh", name, sni, peers };
}

function peersSecret(service: ServiceNode): string {
  return `root-cert-for-mtls-outbound:${keyOf(service)}`;
}

function peersOf(service: ServiceNode, { settings }: MeshGraph): TrustedPeers | undefined {
  const [first, ...rest] = service.accounts.flatMap((account) => principalsOf(account, settings));
  return first === undefined ? undefined : { secret: peersSecret(service), names: [first, ...rest] };
}

/** If all are going away they are used, as Kubernetes does: they still answer, and nobody else does. */
function endpointSetOf(
  cluster: string,
  endpoints: readonly EndpointNode[],
  workloads: ReadonlyMap<string, EndpointWorkload>,
): EndpointSet {
  const someStay = endpoints.some(({ draining }) => draining === undefined);
  return {
    cluster,
    endpoints: endpoints.map(({ address, port, draining }) => {
      const workload = workloads.get(address);
      return { address, port, ...(someStay && draining && { draining }), ...(workload && { workload }) };
    }),
  };
}

/** Sorted, and each (address, port) in one chain only: Envoy refuses the whole listener otherwise (OSM issues 5108, 5231). */
function resolveChains(
  graph: MeshGraph,
  ports: readonly ReachedPort[],
): { chains: readonly OutboundChain[]; findings: readonly Finding[] } {
  const claimed = new Map<string, ReachedPort>();
  const chains = new Map<string, OutboundChain>();
  const findings: Finding[] = [];
  for (const reached of ports) {
    const { service, port } = reached;
    const free = port.dialled.filter((address) => !claimed.has(`${address}:${port.port}`));
    for (const address of free) claimed.set(`${address}:${port.port}`, reached);
    findings.push(...conflicts(reached, claimed));
    const [first, ...rest] = free;
    if (first === undefined) continue;
    const name = `outbound_${chainSubject(service, port)}_${port.port}_${port.protocol}`;
    chains.set(name, {
      name,
      port: port.port,
      addresses: [first, ...rest] as NonEmpty<string>,
      target: targetOf(graph, service, port),
    });
  }
  return {
    chains: [...chains.values()].sort((a, b) => compareText(a.name, b.name)),
    findings,
  };
}

/** HTTP ports that share an address share a route table too, so nothing is lost; anything else is. */
function conflicts({ service, port }: ReachedPort, claimed: ReadonlyMap<string, ReachedPort>): readonly Finding[] {
  const losers = port.dialled
    .map((address) => ({
      address,
      owner: claimed.get(`${address}:${port.port}`),
    }))
    .filter(
      ({ owner }) =>
        owner !== undefined && owner.service !== service && (owner.port.carriage === "tcp" || port.carriage === "tcp"),
    );
  const [first] = losers;
  if (first?.owner === undefined) return [];
  const message = `${first.address} port ${port.port} belongs to Service ${keyOf(first.owner.service)} (${first.owner.port.protocol}): give one of the two another port`;
  return [finding("address-conflict", { kind: "Service", ...service }, "spec.ports", message)];
}

function targetOf(graph: MeshGraph, service: ServiceNode, port: PortNode): OutboundChain["target"] {
  return port.carriage === "http"
    ? { kind: "http", routeTable: `rds-outbound.${port.port}` }
    : tcpTarget(graph, service, port);
}

function tcpTarget(graph: MeshGraph, service: ServiceNode, port: PortNode): OutboundChain["target"] {
  const silence = silenceTowards(graph, service, port);
  return { kind: "tcp", clusters: clustersFor(graph, service, port), ...(silence !== undefined && { silence }) };
}

function listenerOf(
  graph: MeshGraph,
  { chains, serverFirstPorts: inMesh }: Destinations,
  egress: EgressIr,
  sharing: Sharing,
): OutboundListener | undefined {
  const passthrough = graph.config.traffic.enableEgress;
  if (chains.length === 0 && egress.chains.length === 0 && !passthrough) return undefined;
  const serverFirstPorts = [...new Set([...inMesh, ...egress.serverFirstPorts])].sort((a, b) => a - b);
  const label = `outbound:${passthrough}:${serverFirstPorts}:${chains.length}`;
  return sharing.parts.shareParts(label, [...chains, ...egress.chains], () => ({
    chains,
    egress: egress.chains,
    passthrough,
    serverFirstPorts,
  }));
}
