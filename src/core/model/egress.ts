/**
 * Egress: what identities may reach outside the mesh.
 *
 * @module
 */
import * as v from "valibot";
import type { NamespacedName } from "../base/ref.ts";
import type { Report } from "../base/report.ts";
import { type AddressRange, parseAddressRange } from "./address-range.ts";
import { AnyText, fieldsOf, LabelName, listOf, Port, SubdomainName } from "./fields.ts";
import { isHostOrWildcard } from "./host-name.ts";
import { type Path, show } from "./issues.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type LocalRef, LocalRefFields } from "./local-ref.ts";
import { type Meta, Metadata } from "./meta.ts";

export type EgressProtocol = "http" | "https" | "tcp" | "tcp-server-first";

export interface EgressPort {
  readonly number: number;
  readonly protocol: EgressProtocol;
}

/** To an object of the Egress's own namespace. */
export interface EgressMatch {
  readonly kind: "HTTPRouteGroup" | "UpstreamTrafficSetting";
  readonly name: string;
}

export interface Egress {
  readonly kind: "Egress";
  readonly meta: Meta;
  /** Service accounts of any namespace. Each once; so for all lists below. */
  readonly sources: readonly NamespacedName[];
  /** Lower case: DNS names, addresses, and `*.` before a name. Empty only if none was written. */
  readonly hosts: readonly string[];
  /** Empty only if none was written: never since none was usable. */
  readonly ipAddresses: readonly AddressRange[];
  /** A port that is not usable is left out, so this may be empty: then nothing is opened. */
  readonly ports: readonly EgressPort[];
  /** As written, so that an index is the index in the object. At most one UpstreamTrafficSetting. */
  readonly matches: readonly EgressMatch[];
}

const PROTOCOLS = ["http", "https", "tcp", "tcp-server-first"] as const;
/** OSM wants the version; the group alone is what Kubernetes means by it. */
const MATCHES: Readonly<Record<string, EgressMatch["kind"]>> = {
  "specs.smi-spec.io/v1alpha4 HTTPRouteGroup": "HTTPRouteGroup",
  "specs.smi-spec.io HTTPRouteGroup": "HTTPRouteGroup",
  "policy.openservicemesh.io/v1alpha1 UpstreamTrafficSetting": "UpstreamTrafficSetting",
  "policy.openservicemesh.io UpstreamTrafficSetting": "UpstreamTrafficSetting",
};

const Source = fieldsOf({
  kind: v.literal("ServiceAccount", "ServiceAccount"),
  name: SubdomainName,
  namespace: LabelName,
});

const Protocol = v.pipe(
  AnyText,
  v.transform((text) => text.toLowerCase()),
  v.picklist(PROTOCOLS, `one of ${PROTOCOLS.join(", ")}`),
);

const Match = v.pipe(
  LocalRefFields,
  v.check(
    (ref) => matchKind(ref) !== undefined,
    "an HTTPRouteGroup of specs.smi-spec.io/v1alpha4 or an UpstreamTrafficSetting of policy.openservicemesh.io/v1alpha1",
  ),
  v.transform((ref): EgressMatch => ({ kind: matchKind(ref) ?? "HTTPRouteGroup", name: ref.name })),
);

const Matches = v.pipe(
  listOf(Match),
  v.check(
    (matches) => matches.filter(({ kind }) => kind === "UpstreamTrafficSetting").length <= 1,
    "a list with at most one UpstreamTrafficSetting",
  ),
);

const Spec = fieldsOf({
  sources: v.array(Source, "a list of service accounts"),
  hosts: listOf(AnyText),
  ipAddresses: listOf(AnyText),
  ports: v.array(fieldsOf({ number: Port, protocol: Protocol }), "a list of ports"),
  matches: Matches,
});

export const Egress: Kind<Egress> = defineKind({
  kind: "Egress",
  group: "policy.openservicemesh.io",
  plural: "egresses",
  versions: ["v1alpha1"],
  fields: "ours",
  onBadValue: partAtFault,
  schema: fieldsOf({ metadata: Metadata, spec: Spec }),
  build: ({ spec }, meta, report): Egress | undefined => {
    const hosts = usable(spec.hosts, "spec.hosts", report, toHost);
    const ipAddresses = usable(spec.ipAddresses, "spec.ipAddresses", report, toRange);
    if (hosts === undefined || ipAddresses === undefined) return undefined;
    return {
      kind: "Egress",
      meta,
      sources: each(spec.sources.map(({ namespace, name }) => ({ namespace, name }))),
      hosts: each(hosts),
      ipAddresses: each(ipAddresses),
      ports: each(spec.ports),
      matches: spec.matches,
    };
  },
});

// Without a source or a port less is opened. Without a host, a range or a match more could be.
function partAtFault([spec, field, index]: Path): Path | undefined {
  const narrows = field === "sources" || field === "ports";
  return spec !== undefined && narrows && index !== undefined ? [spec, field, index] : undefined;
}

function matchKind({ apiGroup, kind }: LocalRef): EgressMatch["kind"] | undefined {
  const key = `${apiGroup} ${kind}`;
  return Object.hasOwn(MATCHES, key) ? MATCHES[key] : undefined;
}

interface Reading<T> {
  readonly expected: string;
  read(text: string): T | undefined;
}

const toHost: Reading<string> = {
  expected: 'a host such as "example.org", or "*.example.org" for all hosts below it',
  read: (text) => (isHostOrWildcard(text.toLowerCase()) ? text.toLowerCase() : undefined),
};
const toRange: Reading<AddressRange> = {
  expected: 'a range of addresses such as "10.0.0.0/8"',
  read: parseAddressRange,
};

/** Those that can be read. undefined if none can be: no entry at all would mean "any". */
function usable<T>(
  texts: readonly string[],
  path: string,
  report: Report,
  { expected, read }: Reading<T>,
): readonly T[] | undefined {
  const values = texts.map(read);
  const good = values.filter((value) => value !== undefined);
  const none = texts.length > 0 && good.length === 0;
  for (const [i, value] of values.entries()) {
    if (value !== undefined) continue;
    report(none ? "object-invalid" : "field-invalid", `${path}[${i}]`, `must be ${expected}, but is ${show(texts[i])}`);
  }
  return none ? undefined : good;
}

function each<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
