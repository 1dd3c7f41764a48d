/**
 * What an account's applications may dial outside the mesh: its Egress objects (dataplane spec 2.14).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import { sameItems } from "../base/memo.ts";
import { compareText, keyOf } from "../base/ref.ts";
import { EVERYWHERE, rangeText } from "../graph/address-range.ts";
import type { EgressNode } from "../graph/egress.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { EgressChain } from "../ir/listener.ts";
import type { RouteTable, VirtualHost } from "../ir/route.ts";
import type { ConnectionLimits, HostUpstream, OriginalUpstream } from "../ir/upstream.ts";
import { toRouteMatches } from "./access.ts";
import { limitsOf, silenceOf } from "./connection-limits.ts";
import { type EgressPortPlan, planPort } from "./egress-areas.ts";
import { httpGroups, type Stream, tcpChains, tlsChains } from "./egress-chains.ts";
import type { Sharing } from "./sharing.ts";

type EgressUpstream = HostUpstream | OriginalUpstream;

export interface EgressIr {
  /** Equal for accounts that may dial the same. */
  readonly key: string;
  /** Sorted by name; so are the others. */
  readonly chains: readonly EgressChain[];
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly EgressUpstream[];
  readonly serverFirstPorts: readonly number[];
  readonly findings: readonly Finding[];
}

const NOTHING: EgressIr = { key: "", chains: [], routeTables: [], upstreams: [], serverFirstPorts: [], findings: [] };

export function resolveEgress(graph: MeshGraph, account: ServiceAccountName, sharing: Sharing): EgressIr {
  const nodes = graph.egressFrom.get(keyOf(account)) ?? [];
  if (nodes.length === 0) return NOTHING;
  const key = nodes.map(keyOf).join(",");
  return sharing.once(graph, `egress:${key}`, () =>
    sharing.recall(`egress:${key}`, nodes, () => compute(key, nodes, sharing)),
  );
}

function compute(key: string, nodes: readonly EgressNode[], sharing: Sharing): EgressIr {
  const findings: Finding[] = [];
  const ports = [...new Set(nodes.flatMap((node) => node.ports.map(({ number }) => number)))];
  const plans = ports.map((port) => planPort(port, nodes, findings));
  const parts = plans.map((plan) => resolvePort(plan, sharing));
  return {
    key,
    chains: parts.flatMap(({ chains }) => chains).sort(byName),
    routeTables: parts.flatMap(({ routeTables }) => routeTables).sort(byName),
    upstreams: parts.flatMap(({ upstreams }) => upstreams).sort(byName),
    serverFirstPorts: plans.filter(({ serverFirst }) => serverFirst).map(({ port }) => port),
    findings,
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareText(a.name, b.name);
}

type PortParts = Pick<EgressIr, "chains" | "routeTables" | "upstreams">;

function resolvePort(plan: EgressPortPlan, { parts }: Sharing): PortParts {
  const groups = httpGroups(plan, (host) => plan.owners.get(host)?.matches !== undefined);
  const streams = originalUpstreams(plan);
  const streamOf = (node: EgressNode): Stream => {
    const silence = node.setting && silenceOf(node.setting);
    return { cluster: streams.get(node)?.name ?? "", ...(silence !== undefined && { silence }) };
  };
  const chains = [...groups.map(({ chain }) => chain), ...tlsChains(plan, streamOf), ...tcpChains(plan, streamOf)];
  const used = new Set(groups.flatMap(({ hosts }) => hosts));
  const hosts = [...plan.owners]
    .filter(([host]) => used.has(host))
    .map(([host, owner]) => hostUpstream(plan, host, owner));
  const unique = new Map([...hosts, ...streams.values()].map((one) => [one.name, parts.share(one)]));
  return {
    chains: chains.map((chain) => parts.share(chain)),
    upstreams: [...unique.values()],
    routeTables: groups.map(({ routeTable: name, hosts: served }) => {
      const virtualHosts = served.map((host) => parts.share(virtualHost(plan, host)));
      return parts.shareParts(name, virtualHosts, () => ({ name, virtualHosts }));
    }),
  };
}

/** Where TLS and TCP of a port go: to the address that was dialled, within the limits of the object that counts. */
function originalUpstreams({ port, areas }: EgressPortPlan): ReadonlyMap<EgressNode, OriginalUpstream> {
  const nodes = new Set(areas.flatMap(({ tls, tcp }) => [...tls.values(), ...(tcp === undefined ? [] : [tcp])]));
  const settings = new Set([...nodes].map(({ setting }) => setting));
  return new Map(
    [...nodes].map((node) => {
      // OSM's name, unless objects with different limits share the port.
      const limited = settings.size > 1 && node.setting !== undefined;
      const name = limited ? `${port}|${keyOf(node.setting.meta)}` : `${port}`;
      return [node, { kind: "original", name, ...limits(node) }];
    }),
  );
}

/**
 * A host is found by its name, whatever the application dialled, so that nobody reaches another server by its Host
 * header. Where the object lists addresses, or the host is a pattern, requests go to the address that was dialled: the
 * chain has seen that it is one of those.
 */
function hostUpstream({ port }: EgressPortPlan, host: string, owner: EgressNode): EgressUpstream {
  const name = `${host}:${port}`;
  const dialled = host.startsWith("*.") || !sameItems(owner.ranges.map(rangeText), [rangeText(EVERYWHERE)]);
  return dialled
    ? { kind: "original", name, protocol: "same", ...limits(owner) }
    : { kind: "host", name, host, port, protocol: "same", ...limits(owner) };
}

function limits({ setting }: EgressNode): { readonly limits?: ConnectionLimits } {
  return setting === undefined ? {} : { limits: limitsOf(setting) };
}

function virtualHost({ port, owners }: EgressPortPlan, host: string): VirtualHost {
  const clusters = [{ cluster: `${host}:${port}`, weight: 100 }];
  const allowed = owners.get(host)?.matches?.flatMap(toRouteMatches) ?? [{ pathRegex: ".*", headers: [] }];
  const unique = new Map(allowed.map((match) => [JSON.stringify(match), match]));
  return {
    name: `egress_virtual-host|${host}`,
    domains: [host, `${host}:${port}`],
    routes: [...unique.values()].map((match) => ({ match, clusters })),
  };
}
