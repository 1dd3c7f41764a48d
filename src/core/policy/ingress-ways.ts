/**
 * Which IngressBackend counts for which connections to one port of a pod.
 *
 * Several can: a pod's port may be behind several Services, each with an IngressBackend of its own. Envoy takes the most
 * particular server name and range of addresses and never goes back to a wider one, so each name and range that any of
 * them mentions is looked at by itself, and the oldest object that covers it is in force there.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { sameItems } from "../base/memo.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareText, keyOf } from "../base/ref.ts";
import { covers, rangeText, tidyRanges } from "../graph/address-range.ts";
import type { IngressNode } from "../graph/ingress.ts";
import type { AddressRange } from "../ir/listener.ts";
import type { Served } from "./served.ts";

/** A way into one of the pod's services. */
export interface IngressEntry {
  readonly node: IngressNode;
  readonly served: Served;
}

/** The connections to a port that an entry decides about. */
export interface IngressWay {
  readonly entry: IngressEntry;
  /** Empty: any, and none. */
  readonly serverNames: readonly string[];
  readonly sources: NonEmpty<AddressRange>;
}

/** The key of connections without a server name, or with one that nobody lists. */
const ANY_NAME = "";

/**
 * @param entries - Of one target port, the oldest first.
 * @param meshNames - By which callers in the mesh ask for the port. A gateway may use one of them too. Envoy then looks
 * at chains of that name alone and would find only the mesh's, which wants the mesh's ALPN: so each gets a chain for
 * gateways as well, where an entry takes any name or that one.
 */
export function ingressWays(
  entries: readonly IngressEntry[],
  meshNames: readonly string[],
  findings: Finding[],
): readonly IngressWay[] {
  const clear = entries.filter(({ node }) => node.protocol === "http");
  const encrypted = entries.filter(({ node }) => node.protocol === "https");
  const ways = winners(clear, findings).map(([entry, sources]): IngressWay => ({ entry, serverNames: [], sources }));
  return [...ways, ...encryptedWays(encrypted, meshNames, findings)];
}

function encryptedWays(
  entries: readonly IngressEntry[],
  meshNames: readonly string[],
  findings: Finding[],
): readonly IngressWay[] {
  const listed = entries.flatMap(({ node }) => namesOf(node));
  const names = [...new Set([...listed, ...meshNames])].sort(compareText);
  const groups = new Map<string, { readonly entry: IngressEntry; names: string[]; sources: IngressWay["sources"] }>();
  for (const name of names) {
    const taking = entries.filter(({ node }) => namesOf(node).some((one) => nameCovers(one, name)));
    for (const [entry, sources] of winners(taking, findings)) {
      const key = `${name === ANY_NAME} ${entries.indexOf(entry)} ${sources.map(rangeText).join()}`;
      const group = groups.get(key) ?? { entry, names: [], sources };
      groups.set(key, group);
      if (name !== ANY_NAME) group.names.push(name);
    }
  }
  return [...groups.values()].map(({ entry, names: serverNames, sources }) => ({ entry, serverNames, sources }));
}

function namesOf({ serverNames }: IngressNode): readonly string[] {
  return serverNames.length === 0 ? [ANY_NAME] : serverNames;
}

/** `*.x` is all names below x. */
function nameCovers(one: string, name: string): boolean {
  return one === ANY_NAME || one === name || (one.startsWith("*.") && name.endsWith(one.slice(1)));
}

/** Each range of addresses goes to the oldest entry around it. */
function winners(
  entries: readonly IngressEntry[],
  findings: Finding[],
): readonly (readonly [IngressEntry, IngressWay["sources"]])[] {
  const won = new Map<IngressEntry, [AddressRange, ...AddressRange[]]>();
  for (const range of tidyRanges(entries.flatMap(({ node }) => node.sources))) {
    const around = entries.filter(({ node }) => node.sources.some((one) => covers(one, range)));
    const [winner, ...others] = around;
    if (winner === undefined) continue;
    const ranges = won.get(winner);
    if (ranges === undefined) won.set(winner, [range]);
    else ranges.push(range);
    for (const other of others) if (!sayTheSame(winner.node, other.node)) findings.push(conflict(other, winner));
  }
  return [...won];
}

function sayTheSame(a: IngressNode, b: IngressNode): boolean {
  const matches =
    (a.matches === undefined) === (b.matches === undefined) && sameItems(a.matches ?? [], b.matches ?? []);
  return matches && a.clients === b.clients && JSON.stringify(a.principals) === JSON.stringify(b.principals);
}

function conflict({ node: { namespace, name, port } }: IngressEntry, winner: IngressEntry): Finding {
  const message = `port ${port} of the same pods is also behind Service ${winner.node.service}, for which IngressBackend ${keyOf(winner.node)} says something else and is older or first by name: say the same in both`;
  return finding("ingress-conflict", { kind: "IngressBackend", namespace, name }, "spec.sources", message);
}
