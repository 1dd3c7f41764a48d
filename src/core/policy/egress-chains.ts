/**
 * The filter chains of one port's egress: areas that say the same share a chain.
 *
 * @module
 */
import type { NonEmpty } from "../base/non-empty.ts";
import { EVERYWHERE, rangeText } from "../graph/address-range.ts";
import type { EgressNode } from "../graph/egress.ts";
import type { AddressRange, EgressChain, Silence } from "../ir/listener.ts";
import { ANY_SERVER, type EgressArea, type EgressPortPlan } from "./egress-areas.ts";

/** What the areas of a chain have in common; of one protocol and port. */
interface Group<T> {
  readonly areas: NonEmpty<EgressArea>;
  readonly shared: T;
}

export interface HttpGroup {
  readonly chain: EgressChain;
  readonly routeTable: string;
  readonly hosts: readonly string[];
}

/** @param filters - Whether a rule looks at the paths of a host's requests. */
export function httpGroups({ port, areas }: EgressPortPlan, filters: (host: string) => boolean): readonly HttpGroup[] {
  const groups = grouped(areas, ({ hosts }) => (hosts.length === 0 ? [] : [{ key: hosts.join(), shared: hosts }]));
  return groups.map(({ areas: [first, ...more], shared: hosts }, i) => {
    // The first one has OSM's names; another one says where it counts.
    const suffix = i === 0 ? "" : `.${rangeText(first.range)}`;
    const routeTable = `rds-egress.${port}${suffix}`;
    const paths = hosts.some(filters) ? "decided" : "open";
    const target = { kind: "http", routeTable, paths } as const;
    return {
      routeTable,
      hosts,
      chain: { name: `egress-http.${port}${suffix}`, port, ranges: rangesOf([first, ...more]), target },
    };
  });
}

/** Where the connections go that a node decides about. */
export interface Stream {
  readonly cluster: string;
  readonly silence?: Silence;
}

type StreamOf = (node: EgressNode) => Stream;

export function tlsChains({ port, areas }: EgressPortPlan, streamOf: StreamOf): readonly EgressChain[] {
  const groups = grouped(areas, ({ tls }) => {
    const alike = Map.groupBy(tls, ([name, node]) => `${name === ANY_SERVER} ${streamOf(node).cluster}`);
    return [...alike].flatMap(([key, servers]) => {
      const [first, ...rest] = servers.map(([name]) => name);
      return first === undefined
        ? []
        : [{ key: `${key} ${[first, ...rest].join()}`, shared: [first, ...rest] as const }];
    });
  });
  return groups.flatMap(({ areas: of, shared: names }, i): readonly EgressChain[] => {
    const node = of[0].tls.get(names[0]);
    if (node === undefined) return [];
    const suffix = i === 0 ? "" : `.${rangeText(of[0].range)}.${names[0] === ANY_SERVER ? "any" : names[0]}`;
    const serverNames = names[0] === ANY_SERVER ? "any" : names;
    const target = { kind: "tls", serverNames, ...streamOf(node) } as const;
    return [{ name: `egress-https.${port}${suffix}`, port, ranges: rangesOf(of), target }];
  });
}

export function tcpChains({ port, areas, serverFirst }: EgressPortPlan, streamOf: StreamOf): readonly EgressChain[] {
  const groups = grouped(areas, (area) => {
    const stream = area.tcp && streamOf(area.tcp);
    return stream === undefined
      ? []
      : connectionsOf(area).map((of) => ({ key: `${of} ${stream.cluster}`, shared: { of, ...stream } }));
  });
  const name = `egress-${serverFirst ? "tcp-server-first" : "tcp"}.${port}`;
  return groups.map(({ areas: of, shared }, i) => ({
    name: i === 0 ? name : `${name}.${rangeText(of[0].range)}.${shared.of}`,
    port,
    ranges: rangesOf(of),
    target: { kind: "tcp", ...shared },
  }));
}

/** Envoy does not go from "clear text, but not HTTP" back to "any transport", so beside HTTP there are two chains. */
function connectionsOf({ hosts, tls }: EgressArea): readonly ("all" | "clear" | "tls")[] {
  if (hosts.length === 0) return ["all"];
  return tls.has(ANY_SERVER) ? ["clear"] : ["clear", "tls"];
}

function grouped<T>(
  areas: readonly EgressArea[],
  partsOf: (area: EgressArea) => readonly { readonly key: string; readonly shared: T }[],
): readonly Group<T>[] {
  const groups = new Map<string, { readonly areas: [EgressArea, ...EgressArea[]]; readonly shared: T }>();
  for (const area of areas) {
    for (const { key, shared } of partsOf(area)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { areas: [area], shared });
      else group.areas.push(area);
    }
  }
  return [...groups.values()];
}

function rangesOf([first, ...rest]: NonEmpty<EgressArea>): EgressChain["ranges"] {
  const ranges: NonEmpty<AddressRange> = [first.range, ...rest.map(({ range }) => range)];
  const isAny = rest.length === 0 && rangeText(first.range) === rangeText(EVERYWHERE);
  return isAny ? "any" : ranges;
}
