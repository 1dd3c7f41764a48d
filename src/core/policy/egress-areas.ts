/**
 * Which Egress objects count for which addresses of a port.
 *
 * Envoy picks the narrowest range of addresses first and never goes back to a wider one. So each range that any object
 * names is an area of its own, which has all that the objects around it allow; otherwise one object would silently take
 * away what another gives. Between protocols the narrower range counts, and at one range HTTP and TLS come before plain
 * TCP (dataplane spec 2.18).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { compareText, keyOf } from "../base/ref.ts";
import { covers, tidyRanges } from "../graph/address-range.ts";
import type { EgressNode } from "../graph/egress.ts";
import type { AddressRange } from "../ir/listener.ts";
import type { EgressProtocol } from "../model/egress.ts";

/** The key of connections that name no server, or one that nobody lists. */
export const ANY_SERVER = "";

/** What one source may do on a port with addresses of one range. */
export interface EgressArea {
  readonly range: AddressRange;
  /** Over HTTP. Sorted. */
  readonly hosts: readonly string[];
  /** By server name, sorted: whose limits count. */
  readonly tls: ReadonlyMap<string, EgressNode>;
  readonly tcp: EgressNode | undefined;
}

export interface EgressPortPlan {
  readonly port: number;
  /** Whose routes and limits count for a host over HTTP. */
  readonly owners: ReadonlyMap<string, EgressNode>;
  /** The widest first. */
  readonly areas: readonly EgressArea[];
  readonly serverFirst: boolean;
}

/** @param nodes - The oldest first. */
export function planPort(port: number, nodes: readonly EgressNode[], findings: Finding[]): EgressPortPlan {
  const speaking = (...protocols: readonly EgressProtocol[]) =>
    nodes.filter(({ ports }) => ports.some((one) => one.number === port && protocols.includes(one.protocol)));
  const [http, https, tcp] = [speaking("http"), speaking("https"), speaking("tcp", "tcp-server-first")];
  const owners = ownersOf(port, http, findings);
  const ranges = tidyRanges([...http, ...https, ...tcp].flatMap((node) => node.ranges));
  const areas = ranges.map((range): EgressArea => {
    const plain = covering(tcp, range);
    const floor = plain[0]?.depth ?? 0;
    const atLeast = (all: readonly EgressNode[]) => covering(all, range).filter(({ depth }) => depth >= floor);
    const served = new Set(atLeast(http).map(({ node }) => node));
    const hosts = [...owners].filter(([, owner]) => served.has(owner)).map(([host]) => host);
    return {
      range,
      hosts: hosts.sort(compareText),
      tls: serversOf(port, atLeast(https), findings),
      tcp: winnerOf(port, plain, findings),
    };
  });
  return { port, owners, areas, serverFirst: speaking("tcp-server-first").length > 0 };
}

/** A host is one object's alone on a port, whatever the addresses. */
function ownersOf(port: number, http: readonly EgressNode[], findings: Finding[]): ReadonlyMap<string, EgressNode> {
  const owners = new Map<string, EgressNode>();
  for (const node of http) {
    for (const [i, host] of node.hosts.entries()) {
      const owner = owners.get(host);
      if (owner === undefined) owners.set(host, node);
      else findings.push(conflict(node, `spec.hosts[${i}]`, `${host} on port ${port}`, owner));
    }
  }
  return owners;
}

interface Covering {
  readonly node: EgressNode;
  /** The length of its narrowest prefix around the area. */
  readonly depth: number;
}

/** Those that name a range around `range`, the narrowest first, then the oldest. */
function covering(nodes: readonly EgressNode[], range: AddressRange): readonly Covering[] {
  return nodes
    .map((node) => ({ node, depth: depthOf(node, range) }))
    .filter(({ depth }) => depth >= 0)
    .sort((a, b) => b.depth - a.depth);
}

function depthOf({ ranges }: EgressNode, range: AddressRange): number {
  return Math.max(-1, ...ranges.filter((one) => covers(one, range)).map(({ prefixLength }) => prefixLength));
}

function serversOf(port: number, https: readonly Covering[], findings: Finding[]): ReadonlyMap<string, EgressNode> {
  const names = new Set(https.flatMap(({ node }) => serverNames(node)));
  return new Map(
    [...names].sort(compareText).flatMap((name) => {
      const winner = winnerOf(
        port,
        https.filter(({ node }) => serverNames(node).includes(name)),
        findings,
      );
      return winner === undefined ? [] : [[name, winner] as const];
    }),
  );
}

function serverNames({ hosts }: EgressNode): readonly string[] {
  return hosts.length === 0 ? [ANY_SERVER] : hosts;
}

/** All of them go to the address that was dialled: it matters only whose limits count. */
function winnerOf(port: number, candidates: readonly Covering[], findings: Finding[]): EgressNode | undefined {
  const [winner, ...others] = candidates;
  if (winner === undefined) return undefined;
  for (const { node, depth } of others) {
    if (depth !== winner.depth || node.setting === winner.node.setting) continue;
    findings.push(conflict(node, "spec.matches", `limits on port ${port}`, winner.node));
  }
  return winner.node;
}

function conflict(loser: EgressNode, path: string, what: string, winner: EgressNode): Finding {
  const message = `${what}: Egress ${keyOf(winner)} of the same source already says what is allowed there and is older or first by name: merge the two`;
  return finding("egress-conflict", { kind: "Egress", namespace: loser.namespace, name: loser.name }, path, message);
}
