/**
 * Inbound policy: which connections and requests one pod takes, and from whom. Graph in, IR out.
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName, hostNames } from "../graph/host-names.ts";
import { chainSubject, type ServiceNode } from "../graph/service-node.ts";
import type { InboundChain, InboundListener, IngressChain } from "../ir/listener.ts";
import type { RouteTable, VirtualHost } from "../ir/route.ts";
import type { HostUpstream, LocalUpstream } from "../ir/upstream.ts";
import type { Pod } from "../model/pod.ts";
import { accessRoutes, networkAccess } from "./access.ts";
import { authorizationOf, authorizer } from "./authorization.ts";
import { ingressInputs, resolveIngress } from "./ingress.ts";
import { localCluster, type Served, servedPorts, servedRoots, servicesByPort, sniOf, splitsOver } from "./served.ts";
import type { Sharing } from "./sharing.ts";
import { serverSettings, serverTimeouts, settingInputs, unmatchedPaths } from "./traffic-settings.ts";
import { uniqueDomains } from "./virtual-hosts.ts";

export interface InboundIr {
  readonly listener: InboundListener | undefined;
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly (LocalUpstream | HostUpstream)[];
  readonly findings: readonly Finding[];
}

/**
 * @param name - The same for pods that are served alike.
 * @param services - The services that lead to the pod.
 */
export function resolveInbound(
  graph: MeshGraph,
  { name, pod, services }: { readonly name: string; readonly pod: Pod; readonly services: readonly ServiceNode[] },
  sharing: Sharing,
): InboundIr {
  const targets = graph.targetsTo.get(keyOf({ namespace: pod.meta.namespace, name: pod.serviceAccount })) ?? [];
  const splits = splitsOver(graph, services);
  const served = [...services, ...splits.map(({ root }) => root)];
  const inputs = [
    graph.config,
    graph.settings,
    ...served,
    ...targets,
    ...splits,
    ...settingInputs(graph, served),
    ...ingressInputs(graph, services),
  ];
  return sharing.recall(`inbound:${name}`, inputs, () => compute(graph, pod, services, sharing));
}

function compute(graph: MeshGraph, pod: Pod, services: readonly ServiceNode[], sharing: Sharing): InboundIr {
  const account = { namespace: pod.meta.namespace, name: pod.serviceAccount };
  const findings: Finding[] = [];
  const served = [
    ...services.flatMap((service) => servedPorts(service, pod, findings)),
    ...servedRoots(graph, pod, services),
  ];
  const access = networkAccess(graph, account);
  const together = servicesByPort(served);
  const chains = served
    .filter(({ chained }) => chained)
    .map((one): InboundChain => ({ ...chainOf(graph, one, together), access }))
    .map((chain) => withRequestLimit(graph, chain, served));
  const ingress = resolveIngress(graph, {
    served,
    timeoutsOf: (service) => serverTimeouts(graph, service),
    authorizationOf: (service) =>
      authorizationOf(graph, [...together.values()].filter((all) => all.includes(service)).flat()),
  });
  const routes = accessRoutes(graph, account);
  return {
    listener: listenerOf(chains, ingress.chains, sharing),
    routeTables: [
      ...tablesOf({ graph, served, routes }, sharing, findings),
      ...ingress.routeTables.map((table) => sharing.parts.share(table)),
    ],
    upstreams: upstreamsOf(graph, served, sharing),
    findings: [...findings, ...ingress.findings],
  };
}

/** The applications behind the proxy, and the services that the proxy asks about who calls them; each once, sorted. */
function upstreamsOf(graph: MeshGraph, served: readonly Served[], sharing: Sharing): InboundIr["upstreams"] {
  const locals = served.map(
    (one): LocalUpstream => ({ kind: "local", name: localCluster(one), port: one.ports[0].targetPort }),
  );
  const asked = served.flatMap(({ service, ports: [port] }) => serverSettings(graph, service, port).upstreams);
  const asker = served.length === 0 ? undefined : authorizer(graph);
  const all = [...locals, ...asked, ...(asker === undefined ? [] : [asker])];
  return [...new Map(all.map((one) => [one.name, sharing.parts.share(one)])).values()].sort(byName);
}

function chainOf(
  graph: MeshGraph,
  served: Served,
  together: ReturnType<typeof servicesByPort>,
): Omit<InboundChain, "access"> {
  const { service, ports } = served;
  const [port] = ports;
  const { connections } = serverSettings(graph, service, port);
  const authorization = authorizationOf(graph, together.get(port.targetPort) ?? []);
  return {
    name: `inbound_${chainSubject(service, port)}_${port.targetPort}_${port.protocol}`,
    port: port.targetPort,
    sni: sniOf(served),
    ...(connections && { connections }),
    target:
      port.carriage === "http"
        ? {
            kind: "http",
            routeTable: `rds-inbound.${port.targetPort}`,
            ...(authorization && { authorization }),
            ...(graph.config.featureFlags.enableEnvoyActiveHealthChecks && { healthChecks: true }),
          }
        : { kind: "tcp", cluster: localCluster(served) },
  };
}

/**
 * Who is asked about requests to a port. A request to the root of a split comes in by a backend's chain, so that chain
 * must ask for the root's limits too; where both have a service to ask, the backend's is asked.
 */
function withRequestLimit(graph: MeshGraph, chain: InboundChain, served: readonly Served[]): InboundChain {
  if (chain.target.kind !== "http") return chain;
  const here = served.filter(({ ports: [port] }) => port.targetPort === chain.port);
  const own = here.filter((one) => one.chained && sniOf(one) === chain.sni);
  const [requests] = [...own, ...here.filter(({ chained }) => !chained)].flatMap(
    ({ service, ports: [port] }) => serverSettings(graph, service, port).requests ?? [],
  );
  return requests === undefined ? chain : { ...chain, target: { ...chain.target, requests } };
}

function listenerOf(
  chains: readonly InboundChain[],
  ingress: readonly IngressChain[],
  sharing: Sharing,
): InboundListener | undefined {
  if (chains.length === 0 && ingress.length === 0) return undefined;
  const share = <T extends InboundChain | IngressChain>(all: readonly T[]) =>
    all.map((chain) => sharing.parts.share(chain)).sort(byName);
  const shared = { chains: share(chains), ingress: share(ingress) };
  const label = `inbound:${chains.length}`;
  return sharing.parts.shareParts(label, [...shared.chains, ...shared.ingress], () => shared);
}

interface Tables {
  readonly graph: MeshGraph;
  readonly served: readonly Served[];
  readonly routes: ReturnType<typeof accessRoutes>;
}

function tablesOf({ graph, served, routes }: Tables, sharing: Sharing, findings: Finding[]): readonly RouteTable[] {
  const byPort = new Map<number, Map<string, Served[]>>();
  for (const one of served.filter(({ ports }) => ports[0].carriage === "http")) {
    const hosts = byPort.get(one.ports[0].targetPort) ?? new Map<string, Served[]>();
    byPort.set(one.ports[0].targetPort, hosts);
    const key = `${keyOf(one.service)}/${one.ports[0].host}`;
    hosts.set(key, [...(hosts.get(key) ?? []), one]);
  }
  return [...byPort]
    .map(([targetPort, hosts]) => {
      const all = [...hosts.values()].flatMap((group) => virtualHostOf(graph, group, routes, findings) ?? []);
      const share = (host: VirtualHost) => sharing.parts.share(host);
      const unique = uniqueDomains(all.map(share).sort(byName), findings, share);
      const name = `rds-inbound.${targetPort}`;
      return sharing.parts.shareParts(name, unique, () => ({
        name,
        virtualHosts: unique,
      }));
    })
    .sort(byName);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareText(a.name, b.name);
}

function virtualHostOf(
  graph: MeshGraph,
  group: readonly Served[],
  routes: ReturnType<typeof accessRoutes>,
  findings: Finding[],
): VirtualHost | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  // The root of a split can be there twice: as itself, and for a backend on the same target port.
  const ports = [...new Set(group.flatMap((one) => one.ports.map(({ port }) => port)))].sort((a, b) => a - b);
  const named = { ...first.service, host: first.ports[0].host };
  const settings = serverSettings(graph, first.service, first.ports[0]);
  const timeouts = serverTimeouts(graph, first.service);
  const allowed = routes(localCluster(first));
  findings.push(...unmatchedPaths(graph, first.service, first.ports[0], allowed));
  return {
    name: `inbound_virtual-host|${domainName(named)}`,
    domains: hostNames(named, ports, "same-namespace"),
    routes: allowed.map((route) => {
      const limits = settings.routes.get(route.match.pathRegex);
      return { ...route, ...(timeouts && { timeouts }), ...(limits && { limits }) };
    }),
    ...(settings.limits && { limits: settings.limits }),
  };
}
