/**
 * Outbound routing: one virtual host for each service that a caller reaches, with one route each, since all HTTP
 * filtering is the server's (dataplane spec 4.3).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { domainName, hostNames } from "../graph/host-names.ts";
import { chainSubject, type PortNode, type ServiceNode } from "../graph/service-node.ts";
import type { OutboundListener } from "../ir/listener.ts";
import type { RetryPolicy, RouteTable, RouteTimeouts, VirtualHost } from "../ir/route.ts";
import type { Reach } from "./reach.ts";
import type { Sharing } from "./sharing.ts";
import { clustersFor } from "./split-clusters.ts";
import { retryOf, routeTimeouts } from "./traffic-settings.ts";
import { uniqueDomains } from "./virtual-hosts.ts";

/** A port of a service that the caller reaches. */
export interface ReachedPort {
  readonly service: ServiceNode;
  readonly port: PortNode;
}

/** Only for ports that a chain leads to: there is none for a headless Service without a pod. */
export function resolveRouteTables(
  graph: MeshGraph,
  reach: Reach,
  { caller, listener }: { readonly caller: ServiceAccountName; readonly listener: OutboundListener | undefined },
  sharing: Sharing,
): { routeTables: readonly RouteTable[]; findings: readonly Finding[] } {
  const wanted = new Set(listener?.chains.flatMap(({ port, target }) => (target.kind === "http" ? [port] : [])));
  const byPort = new Map<number, VirtualHost[]>();
  for (const service of reach.services) {
    for (const port of service.ports.filter((one) => one.carriage === "http" && wanted.has(one.port))) {
      const hosts = byPort.get(port.port) ?? [];
      byPort.set(port.port, hosts);
      hosts.push(sharedVirtualHost(graph, { service, port }, caller, sharing));
    }
  }
  const findings: Finding[] = [];
  const routeTables = [...byPort]
    .sort(([a], [b]) => a - b)
    .map(([port, hosts]) => {
      const name = `rds-outbound.${port}`;
      const { unique, clashes } = sharing.recall(`${name}:${caller.namespace}:${reach.key}`, hosts, () => {
        const clashes: Finding[] = [];
        return { unique: uniqueDomains(hosts, clashes, (host) => sharing.parts.share(host)), clashes };
      });
      findings.push(...clashes);
      return sharing.parts.shareParts(name, unique, () => ({
        name,
        virtualHosts: unique,
      }));
    })
    .sort((a, b) => compareText(a.name, b.name));
  return { routeTables, findings };
}

type View = Parameters<typeof hostNames>[2];

/** The same for all callers of a namespace that try alike, and for all such callers outside the service's. */
function sharedVirtualHost(
  graph: MeshGraph,
  { service, port }: ReachedPort,
  caller: ServiceAccountName,
  sharing: Sharing,
): VirtualHost {
  const view = service.namespace === caller.namespace ? "same-namespace" : "other-namespace";
  const retry = retryOf(graph, caller, service);
  const bounds: Bounds = { retry, timeouts: routeTimeouts(graph, service) };
  const key = `virtual-host:${view}:${chainSubject(service, port)}:${port.port}:${JSON.stringify(bounds)}`;
  return sharing.once(graph, key, () =>
    sharing.recall(key, [port, graph.splits.get(keyOf(service))], () =>
      sharing.parts.share(virtualHostOf(graph, { service, port }, view, bounds)),
    ),
  );
}

interface Bounds {
  readonly retry: RetryPolicy | undefined;
  readonly timeouts: RouteTimeouts | undefined;
}

function virtualHostOf(
  graph: MeshGraph,
  { service, port }: ReachedPort,
  view: View,
  { retry, timeouts }: Bounds,
): VirtualHost {
  const named = { ...service, host: port.host };
  return {
    name: `outbound_virtual-host|${domainName(named)}`,
    domains: hostNames(named, [port.port], view),
    routes: [
      {
        match: { pathRegex: ".*", headers: [] },
        clusters: clustersFor(graph, service, port),
        ...(retry && { retry }),
        ...(timeouts && { timeouts }),
      },
    ],
  };
}
