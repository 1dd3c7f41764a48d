/**
 * Inbound policy: which connections and requests one pod takes, and from whom. Graph in, IR out.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName, hostNames } from "../graph/host-names.ts";
import { chainSubject, clusterName, type PortNode, type ServiceNode } from "../graph/service-node.ts";
import type { InboundChain, InboundListener } from "../ir/listener.ts";
import type { RouteTable, VirtualHost } from "../ir/route.ts";
import type { LocalUpstream } from "../ir/upstream.ts";
import type { Pod } from "../model/pod.ts";
import { accessRoutes, networkAccess } from "./access.ts";
import type { Sharing } from "./sharing.ts";
import { uniqueDomains } from "./virtual-hosts.ts";

export interface InboundIr {
  readonly listener: InboundListener | undefined;
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly LocalUpstream[];
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

/** @param services - The services that lead to the pod. */
export function resolveInbound(
  graph: MeshGraph,
  pod: Pod,
  services: readonly ServiceNode[],
  sharing: Sharing,
): InboundIr {
  const account = { namespace: pod.meta.namespace, name: pod.serviceAccount };
  const findings: Finding[] = [];
  const served = [
    ...services.flatMap((service) => servedPorts(service, pod, findings)),
    ...servedRoots(graph, services),
  ];
  const access = networkAccess(graph, account);
  const chains = served.filter(({ chained }) => chained).map((one): InboundChain => ({ ...chainOf(one), access }));
  const listener = listenerOf(chains, sharing);
  const routes = accessRoutes(graph, account);
  const upstreams = served.map(
    (one): LocalUpstream => ({
      kind: "local",
      name: localCluster(one),
      port: one.ports[0].targetPort,
    }),
  );
  return {
    listener,
    routeTables: tablesOf(served, routes, sharing, findings),
    upstreams: [...new Map(upstreams.map((one) => [one.name, sharing.parts.share(one)])).values()],
    findings,
  };
}

/** Ports of a service as this pod serves them: of a StatefulSet's own names, the pod's alone. */
function servedPorts(service: ServiceNode, pod: Pod, findings: Finding[]): readonly Served[] {
  const host = pod.hostname === "" ? pod.meta.name : pod.hostname;
  const groups = new Map<string, PortNode[]>();
  for (const port of service.ports.filter((one) => one.host === "" || one.host === host)) {
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
function servedRoots(graph: MeshGraph, services: readonly ServiceNode[]): readonly Served[] {
  const own = new Set(services);
  return [...graph.splits.values()].flatMap(({ root, backends }) => {
    if (own.has(root)) return [];
    const mine = backends.filter(({ service }) => own.has(service)).flatMap(({ service }) => service.ports);
    return root.ports.flatMap((port) => {
      const here = mine.find(
        (candidate) => candidate.port === port.port && candidate.host === "" && candidate.carriage === "http",
      );
      return here === undefined
        ? []
        : [
            {
              service: root,
              ports: [
                {
                  ...port,
                  targetPort: here.targetPort,
                  carriage: here.carriage,
                },
              ] as const,
              chained: false,
            },
          ];
    });
  });
}

function localCluster({ service, ports: [port] }: Served): string {
  return `${clusterName(service, port)}|local`;
}

function chainOf({ service, ports: [port], ...rest }: Served): Omit<InboundChain, "access"> {
  return {
    name: `inbound_${chainSubject(service, port)}_${port.targetPort}_${port.protocol}`,
    port: port.targetPort,
    sni: domainName({ ...service, host: port.host }),
    target:
      port.carriage === "http"
        ? { kind: "http", routeTable: `rds-inbound.${port.targetPort}` }
        : {
            kind: "tcp",
            cluster: localCluster({ service, ports: [port], ...rest }),
          },
  };
}

function listenerOf(chains: readonly InboundChain[], sharing: Sharing): InboundListener | undefined {
  if (chains.length === 0) return undefined;
  const shared = chains.map((chain) => sharing.parts.share(chain)).sort((a, b) => compareText(a.name, b.name));
  return sharing.parts.shareParts("inbound", shared, () => ({
    chains: shared,
  }));
}

function tablesOf(
  served: readonly Served[],
  routes: ReturnType<typeof accessRoutes>,
  sharing: Sharing,
  findings: Finding[],
): readonly RouteTable[] {
  const byPort = new Map<number, Map<string, Served[]>>();
  for (const one of served.filter(({ ports }) => ports[0].carriage === "http")) {
    const hosts = byPort.get(one.ports[0].targetPort) ?? new Map<string, Served[]>();
    byPort.set(one.ports[0].targetPort, hosts);
    const key = `${keyOf(one.service)}/${one.ports[0].host}`;
    hosts.set(key, [...(hosts.get(key) ?? []), one]);
  }
  return [...byPort]
    .map(([targetPort, hosts]) => {
      const all = [...hosts.values()].flatMap((group) => virtualHostOf(group, routes) ?? []);
      const unique = uniqueDomains(
        all.sort((a, b) => compareText(a.name, b.name)),
        findings,
      ).map((host) => sharing.parts.share(host));
      const name = `rds-inbound.${targetPort}`;
      return sharing.parts.shareParts(name, unique, () => ({
        name,
        virtualHosts: unique,
      }));
    })
    .sort((a, b) => compareText(a.name, b.name));
}

function virtualHostOf(group: readonly Served[], routes: ReturnType<typeof accessRoutes>): VirtualHost | undefined {
  const [first] = group;
  if (first === undefined) return undefined;
  const ports = group.flatMap((one) => one.ports.map(({ port }) => port));
  const named = { ...first.service, host: first.ports[0].host };
  return {
    name: `inbound_virtual-host|${domainName(named)}`,
    domains: hostNames(named, ports, "same-namespace"),
    routes: routes(localCluster(first)),
  };
}
