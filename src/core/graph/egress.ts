/**
 * Egress objects → what each account may dial outside the mesh, references resolved (dataplane spec 2.14).
 *
 * What an object names and cannot be found opens nothing.
 *
 * @module
 */
import { type Finding, type FindingCode, finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import { memoByParts } from "../base/memo.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { keyOf } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import type { AddressRange } from "../ir/listener.ts";
import { isAddress } from "../model/address-range.ts";
import type { Egress, EgressMatch, EgressPort } from "../model/egress.ts";
import type { HttpMatch } from "../model/http-route-group.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import { refOf } from "../model/object.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { UpstreamTrafficSetting } from "../model/upstream-traffic-setting.ts";
import { EVERYWHERE, ipv4Range, tidyRanges } from "./address-range.ts";
import { oldestFirst } from "./precedence.ts";

export interface EgressNode {
  readonly namespace: string;
  readonly name: string;
  readonly sources: readonly ServiceAccountName[];
  /** Lower case. Empty: nothing for http, any server for https. */
  readonly hosts: readonly string[];
  /** IPv4, the widest first. */
  readonly ranges: NonEmpty<AddressRange>;
  readonly ports: readonly EgressPort[];
  /** The HTTP requests that it allows; undefined: all. */
  readonly matches: readonly HttpMatch[] | undefined;
  /** What bounds the connections. */
  readonly setting: UpstreamTrafficSetting | undefined;
}

export interface LinkedEgress {
  /** The oldest first, then by name. */
  readonly nodes: readonly EgressNode[];
  readonly findings: readonly Finding[];
}

export function linkEgress(
  snapshot: Snapshot,
  config: MeshConfig,
  isMember: (namespace: string) => boolean,
): LinkedEgress {
  const members = [...snapshot.objects.Egress.values()].filter(({ meta }) => isMember(meta.namespace));
  const idle = idleReason(config);
  if (idle !== undefined)
    return { nodes: [], findings: members.map((one) => finding(idle.code, refOf(one), "", idle.why)) };
  const linked = members.sort(oldestFirst).map((one) => linkedEgress(one, snapshot));
  return { nodes: linked.flatMap(({ node }) => node ?? []), findings: linked.flatMap(({ findings }) => findings) };
}

/** Why no Egress has an effect, if so. */
function idleReason({
  traffic,
  featureFlags,
}: MeshConfig): { readonly code: FindingCode; readonly why: string } | undefined {
  if (traffic.enableEgress) return { code: "egress-mesh-wide", why: MESH_WIDE };
  return featureFlags.enableEgressPolicy ? undefined : { code: "policy-disabled", why: DISABLED };
}

const MESH_WIDE =
  "traffic.enableEgress of the MeshConfig lets everybody reach everything, so this object neither opens nor narrows anything: set it to false for Egress objects to count";
const DISABLED =
  "featureFlags.enableEgressPolicy of the MeshConfig is false, so this object opens nothing: set it to true";

interface Linked {
  readonly node: EgressNode | undefined;
  readonly findings: readonly Finding[];
}

const lastLinked = memoByParts<Egress, Linked>();

/** The last node of this Egress, if what it names is still the same: later stages compare nodes by reference. */
function linkedEgress(egress: Egress, snapshot: Snapshot): Linked {
  const named = egress.matches.map((match) => meantBy(egress, match, snapshot));
  return lastLinked(egress, named, () => {
    const findings: Finding[] = [];
    return { node: link(egress, snapshot, reportTo(findings, refOf(egress))), findings };
  });
}

function meantBy({ meta }: Egress, { kind, name }: EgressMatch, { objects }: Snapshot) {
  return objects[kind].get(keyOf({ namespace: meta.namespace, name }));
}

function link(egress: Egress, snapshot: Snapshot, report: Report): EgressNode | undefined {
  const ranges = rangesOf(egress, report);
  const setting = settingOf(egress, snapshot, report);
  const matches = matchesOf(egress, snapshot, report);
  adviseOnHosts(egress, report);
  if (ranges === undefined || setting === "missing") return undefined;
  const { meta, sources, hosts, ports } = egress;
  return { namespace: meta.namespace, name: meta.name, sources, hosts, ranges, ports, matches, setting };
}

/** undefined: ranges were written, and none of them can match. No range at all would mean any address. */
function rangesOf({ ipAddresses }: Egress, report: Report): NonEmpty<AddressRange> | undefined {
  if (ipAddresses.length === 0) return [EVERYWHERE];
  const usable = ipAddresses.flatMap((range, i) => {
    const ipv4 = ipv4Range(range);
    if (ipv4 === undefined) report("range-ipv6", `spec.ipAddresses[${i}]`, IPV6(range));
    return ipv4 ?? [];
  });
  const [first, ...rest] = tidyRanges(usable);
  return first === undefined ? undefined : [first, ...rest];
}

const IPV6 = ({ address, prefixLength }: AddressRange): string =>
  `${address}/${prefixLength} is IPv6, which sidecars do not carry: write the IPv4 range`;

function settingOf(egress: Egress, snapshot: Snapshot, report: Report): UpstreamTrafficSetting | "missing" | undefined {
  const { namespace } = egress.meta;
  const i = egress.matches.findIndex(({ kind }) => kind === "UpstreamTrafficSetting");
  const name = egress.matches[i]?.name;
  if (name === undefined) return undefined;
  const setting = snapshot.objects.UpstreamTrafficSetting.get(keyOf({ namespace, name }));
  if (setting !== undefined) return setting;
  const message = `no UpstreamTrafficSetting ${namespace}/${name}: create it, in this namespace; until then nothing is opened`;
  report("egress-setting-missing", `spec.matches[${i}].name`, message);
  return "missing";
}

/** A group that is missing leaves its requests out: with no other group, every request gets 404. */
function matchesOf(egress: Egress, snapshot: Snapshot, report: Report): EgressNode["matches"] {
  const { namespace } = egress.meta;
  const groups = egress.matches.map(({ kind, name }, i) => ({ kind, name, i })).filter(isGroup);
  if (groups.length === 0) return undefined;
  return groups.flatMap(({ name, i }) => {
    const group = snapshot.objects.HTTPRouteGroup.get(keyOf({ namespace, name }));
    if (group === undefined) {
      const message = `no HTTPRouteGroup ${namespace}/${name}: create it, in this namespace; until then its requests get 404`;
      report("egress-routes-missing", `spec.matches[${i}].name`, message);
    }
    return group?.matches ?? [];
  });
}

function isGroup({ kind }: Pick<EgressMatch, "kind">): boolean {
  return kind === "HTTPRouteGroup";
}

/** What a list of hosts does not do, although it looks as if. */
function adviseOnHosts({ hosts, ipAddresses, ports }: Egress, report: Report): void {
  const speaks = (protocol: EgressPort["protocol"]) => ports.some((port) => port.protocol === protocol);
  if (hosts.length === 0 && speaks("http"))
    report("egress-hosts-missing", "spec.hosts", "there is no host, so no HTTP request is allowed: list the hosts");
  if (hosts.length > 0 && ipAddresses.length === 0 && (speaks("tcp") || speaks("tcp-server-first")))
    report("egress-hosts-unused", "spec.hosts", HOSTS_OF_TCP);
  for (const [i, host] of hosts.entries()) {
    if (!isAddress(host) || !speaks("https")) continue;
    const message = `clients name no server when they dial ${host}, so nothing on an https port matches it: write it under ipAddresses, in an object without hosts`;
    report("egress-hosts-unused", `spec.hosts[${i}]`, message);
  }
}

const HOSTS_OF_TCP =
  "hosts do not narrow tcp ports, on which nothing tells the name: such a port is open to every address; list them under ipAddresses";
