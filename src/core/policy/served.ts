/**
 * What one pod answers for: the ports of its services, and the roots of splits over them.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName } from "../graph/host-names.ts";
import { clusterName, type PortNode, type ServiceNode, targetPortIn } from "../graph/service-node.ts";
import type { SplitNode } from "../graph/splits.ts";
import type { Pod } from "../model/pod.ts";

/** A destination that callers may mean when they reach this pod: one of its services, or the root of a split over it. */
export interface Served {
  readonly service: ServiceNode;
  /** The ports of one name and target port; more than one if several Service ports lead to the same place. */
  readonly ports: NonEmpty<PortNode>;
  /** The root of a split has no chain: its callers send the backend's server name. */
  readonly chained: boolean;
}

/** Ports of a service as this pod serves them: of a StatefulSet's own names, the pod's alone. */
export function servedPorts(service: ServiceNode, pod: Pod, findings: Finding[]): readonly Served[] {
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
export function servedRoots(graph: MeshGraph, pod: Pod, services: readonly ServiceNode[]): readonly Served[] {
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
export function splitsOver(
  { splitsOver: byBackend }: MeshGraph,
  services: readonly ServiceNode[],
): readonly SplitNode[] {
  return [...new Set(services.flatMap((service) => byBackend.get(keyOf(service)) ?? []))];
}

function servedRoot(service: ServiceNode, port: PortNode, targetPort: number): Served {
  return { service, ports: [{ ...port, targetPort, carriage: "http" }], chained: false };
}

/** The name of the application's own cluster. */
export function localCluster({ service, ports: [port] }: Served): string {
  return `${clusterName(service, port)}|local`;
}

/** The server name by which callers ask for it. */
export function sniOf({ service, ports: [port] }: Served): string {
  return domainName({ ...service, host: port.host });
}

/** Those that answer on one target port of the pod. */
export function servicesByPort(served: readonly Served[]): ReadonlyMap<number, readonly ServiceNode[]> {
  const groups = Map.groupBy(served, ({ ports: [port] }) => port.targetPort);
  return new Map([...groups].map(([port, those]) => [port, those.map(({ service }) => service)]));
}
