/**
 * Inbound policy: which connections and requests one pod takes, and from whom. Graph in, IR out.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName, hostNames } from "../graph/host-names.ts";
import { chainSubject, clusterName, type PortNode, type ServiceNode, targetPortIn } from "../graph/service-node.ts";
import type { SplitNode } from "../graph/splits.ts";
import type { InboundChain, InboundListener, IngressChain } from "../ir/listener.ts";
import type { RouteTable, VirtualHost } from "../ir/route.ts";
import type { HostUpstream, LocalUpstream } from "../ir/upstream.ts";
import type { Pod } from "../model/pod.ts";
import { accessRoutes, networkAccess } from "./access.ts";
import { authorizationOf, authorizationUpstream } from "./authorization.ts";
import { ingressInputs, resolveIngress } from "./ingress.ts";
import type { Sharing } from "./sharing.ts";
import { serverSettings, settingInputs } from "./traffic-settings.ts";
import { uniqueDomains } from "./virtual-hosts.ts";

export interface InboundIr {
  readonly listener: InboundListener | undefined;
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly (LocalUpstream | HostUpstream)[];
  readonly findings: readonly Finding[];
}

/** A destination that callers may mean when they reach this pod: one of its services, or the root of a split over it. */
interface Served {
  readonly service: ServiceNode;
  /** The ports of one name and target port; more than one if several Service ports lead to the same place. */
  readonly ports: readonly [PortNode, ...PortNode[]];
  /** The root of a split has no chain: its callers send the backend's server name. */
  readonly chained: boolean;
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
    .map((one): InboundChain => ({ ...chainOf(graph, one, together), access }));
  const ingress = resolveIngress(graph, {
    pod,
    services,
    authorizationOf: (service) =>
      authorizationOf(graph, [...together.values()].filter((all) => all.includes(service)).flat()),
  });
  const routes = accessRoutes(graph, account);
  return {
    listener: listenerOf(chains, ingress.chains, sharing),
    routeTables: [...tablesOf({ graph, served, routes }, sharing, findings), ...ingress.routeTables],
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
  const authorizer = authorizationUpstream(
    graph,
    served.map(({ service }) => service),
  );
  const all = [...locals, ...asked, ...(authorizer === undefined ? [] : [authorizer])];
  return [...new Map(all.map((one) => [one.name, sharing.parts.share(one)])).values()].sort(byName);
}

/** Ports of a service as this pod serves them: of a StatefulSet's own names, the pod's alone. */
function servedPorts(service: ServiceNode, pod: Pod, findings: Finding[]): readonly Served[] {
  const host = pod.hostname === "" ? pod.meta.name : pod.hostname;
  const groups = new Map<string, PortNode[]>();
  const mine = service.ports.filter((one) => one.host === "" || one.host === host);
  for (const port of mine.map((one) => ({ ...one, targetPort: targetPortIn(pod, one) }))) {
    const key = `${port.host}|${port.targetPort}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    const [first] = group;
    if (first === undefined || first.protocol === port.protocol) group.push(port);
    else findings.push(clash(service, first, port));
  }
  return [...groups.values()].flatMap(([first, ...rest]) =>
    first === undefined ? [] : [{ service, ports: [first, ...rest] as const, chained: true }],
  );
}

function clash(service: ServiceNode, kept: PortNode, lost: PortNode): Finding {
  const message = `ports ${kept.port} (${kept.protocol}) and ${lost.port} (${lost.protocol}) both lead to ${kept.targetPort}: write the same protocol for both`;
  return finding("inbound-conflict", { kind: "Service", ...service }, "spec.ports", message);
}

/**
 * Roots of the splits that a service of this pod is a backend of. A caller dials the root and its proxy sends the
 * request here, still with the root's name as host, so the root needs a virtual host on the backend's target port.
 */
function servedRoots(graph: MeshGraph, pod: Pod, services: readonly ServiceNode[]): readonly Served[] {
  const own = new Set(services);
  return splitsOver(graph, services).flatMap(({ root, backends }) => {
    const mine = backends
      .filter(({ service }) => service !== root && own.has(service))
      .flatMap(({ service }) => service.ports.filter(({ host, carriage }) => host === "" && carriage === "http"));
    // The backends' target ports, which need not be the root's, nor the same for each of them.
    return root.ports
      .filter(({ host }) => host === "")
      .flatMap((port) =>
        mine.filter((here) => here.port === port.port).map((here) => servedRoot(root, port, targetPortIn(pod, here))),
      );
  });
}

/** Splits that have one of the services as a backend, each once. */
function splitsOver({ splitsOver: byBackend }: MeshGraph, services: readonly ServiceNode[]): readonly SplitNode[] {
  return [...new Set(services.flatMap((service) => byBackend.get(keyOf(service)) ?? []))];
}

function servedRoot(service: ServiceNode, port: PortNode, targetPort: number): Served {
  return { service, ports: [{ ...port, targetPort, carriage: "http" }], chained: false };
}

function localCluster({ service, ports: [port] }: Served): string {
  return `${clusterName(service, port)}|local`;
}

/** Those that answer on one target port of the pod. */
function servicesByPort(served: readonly Served[]): ReadonlyMap<number, readonly ServiceNode[]> {
  const groups = Map.groupBy(served, ({ ports: [port] }) => port.targetPort);
  return new Map([...groups].map(([port, those]) => [port, those.map(({ service }) => service)]));
}

function chainOf(
  graph: MeshGraph,
  served: Served,
  together: ReturnType<typeof servicesByPort>,
): Omit<InboundChain, "access"> {
  const { service, ports } = served;
  const [port] = ports;
  const { connections, requests } = serverSettings(graph, service, port);
  const authorization = authorizationOf(graph, together.get(port.targetPort) ?? []);
  return {
    name: `inbound_${chainSubject(service, port)}_${port.targetPort}_${port.protocol}`,
    port: port.targetPort,
    sni: domainName({ ...service, host: port.host }),
    ...(connections && { connections }),
    target:
      port.carriage === "http"
        ? {
            kind: "http",
            routeTable: `rds-inbound.${port.targetPort}`,
            ...(authorization && { authorization }),
            ...(requests && { requests }),
            ...(graph.config.featureFlags.enableEnvoyActiveHealthChecks && { healthChecks: true }),
          }
        : { kind: "tcp", cluster: localCluster(served) },
  };
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
      const all = [...hosts.values()].flatMap((group) => virtualHostOf(graph, group, routes) ?? []);
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
): VirtualHost | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  // The root of a split can be there twice: as itself, and for a backend on the same target port.
  const ports = [...new Set(group.flatMap((one) => one.ports.map(({ port }) => port)))].sort((a, b) => a - b);
  const named = { ...first.service, host: first.ports[0].host };
  const settings = serverSettings(graph, first.service, first.ports[0]);
  return {
    name: `inbound_virtual-host|${domainName(named)}`,
    domains: hostNames(named, ports, "same-namespace"),
    routes: routes(localCluster(first)).map((route) => {
      const limits = settings.routes.get(route.match.pathRegex);
      return limits === undefined ? route : { ...route, limits };
    }),
    ...(settings.limits && { limits: settings.limits }),
  };
}
