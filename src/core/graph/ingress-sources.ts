/**
 * Who an IngressBackend lets in: from which addresses, with which names in the certificate (dataplane spec 2.15, 8.3).
 *
 * Addresses and names are two conditions, and both must hold. An empty list is never "anybody": what can admit nobody
 * opens nothing.
 *
 * @module
 */
import type { NonEmpty } from "../base/non-empty.ts";
import { keyOf, type NamespacedName } from "../base/ref.ts";
import type { Report } from "../base/report.ts";
import type { AddressRange } from "../ir/listener.ts";
import type { Principals } from "../ir/protocol.ts";
import type { EndpointSlice } from "../model/endpoint-slice.ts";
import type { Endpoints } from "../model/endpoints.ts";
import type { IngressBackend, IngressBackendPort, IngressSource } from "../model/ingress-backend.ts";
import { EVERYWHERE, ipv4Range, tidyRanges } from "./address-range.ts";
import { isIpv4 } from "./endpoints.ts";

/** What is behind a Service of any namespace. */
export interface SourceService {
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | undefined;
}

/** Where connections may come from: undefined if the object names no address at all, empty if none can be had. */
export type SourceAddresses = readonly AddressRange[] | undefined;

export function sourceAddresses(
  { sources }: IngressBackend,
  behind: (service: NamespacedName) => SourceService,
  report: Report,
): SourceAddresses {
  const lists = sources.map((source, i) => addressesOfSource(source, behind, `spec.sources[${i}]`, report));
  const named = lists.filter((list) => list !== undefined);
  return named.length === 0 ? undefined : tidyRanges(named.flat());
}

function addressesOfSource(
  source: IngressSource,
  behind: (service: NamespacedName) => SourceService,
  path: string,
  report: Report,
): SourceAddresses {
  switch (source.kind) {
    case "Service":
      return serviceAddresses(source, behind(source), path, report);
    case "IPRange":
      return ipRange(source.range, `${path}.name`, report);
    case "AuthenticatedPrincipal":
      return undefined;
  }
}

/** Also of pods that are on their way out: a gateway that drains still opens connections for what is under way. */
function serviceAddresses(
  service: NamespacedName,
  { slices, endpoints }: SourceService,
  path: string,
  report: Report,
): readonly AddressRange[] {
  const found =
    slices.length > 0
      ? slices.flatMap((slice) => slice.endpoints.filter(({ serving }) => serving).flatMap((one) => one.addresses))
      : (endpoints?.subsets ?? []).flatMap(({ addresses }) => addresses.map(({ ip }) => ip));
  const ranges = found.filter(isIpv4).map((address) => ({ address, prefixLength: 32 }));
  if (ranges.length === 0) {
    const message = `endpoints not found for service ${keyOf(service)}: nobody is let in from there until it has some`;
    report("ingress-source-empty", path, message);
  }
  return ranges;
}

function ipRange(range: AddressRange, path: string, report: Report): readonly AddressRange[] {
  const ipv4 = ipv4Range(range);
  if (ipv4 !== undefined) return [ipv4];
  const message = `${range.address}/${range.prefixLength} is IPv6, which sidecars do not take: write the IPv4 range`;
  report("range-ipv6", path, message);
  return [];
}

/** What one backend lets in. */
export interface Admission {
  readonly sources: NonEmpty<AddressRange>;
  readonly principals: Principals;
  /** Whether a certificate must be shown. */
  readonly clients: "verified" | "not asked";
}

/** undefined: nobody. Why was told of by then, or is told of here. */
export function admissionOf(
  { port, tls }: IngressBackendPort,
  sources: readonly IngressSource[],
  addresses: SourceAddresses,
  { path, report }: { readonly path: string; readonly report: Report },
): Admission | undefined {
  const names = sources.flatMap((source) => (source.kind === "AuthenticatedPrincipal" ? [source.name] : []));
  const checked = port.protocol === "https" && !tls.skipClientCertValidation;
  const [first, ...rest] = addresses ?? [EVERYWHERE];
  if (first === undefined) return undefined;
  if (sources.length === 0) {
    report("ingress-nobody", "spec.sources", "there is no source, so nobody is let in: list who may come");
    return undefined;
  }
  const unchecked = checked ? undefined : names.find((name) => name !== ANYBODY);
  if (unchecked !== undefined && port.protocol === "http" && addresses === undefined) {
    const message = `nothing on an http port proves that a client is ${unchecked}, so nobody is let in: use https, or list a Service or an IPRange as source`;
    report("ingress-nobody", path, message);
    return undefined;
  }
  if (unchecked !== undefined) report("ingress-principal-unchecked", path, uncheckedText(unchecked, port.protocol));
  if (!checked && addresses === undefined) report("ingress-open", path, OPEN);
  return {
    sources: [first, ...rest],
    principals: checked ? principalsOf(names) : { kind: "anyone" },
    clients: checked ? "verified" : "not asked",
  };
}

const ANYBODY = "*";

const OPEN =
  "no source names an address and no certificate is asked for, so everybody who can reach the pod is let in: list a Service or an IPRange as source";

function uncheckedText(name: string, protocol: IngressBackendPort["port"]["protocol"]): string {
  const why = protocol === "http" ? "over http there is no certificate" : "skipClientCertValidation is true";
  return `that a client is ${name} is not checked, since ${why}: clients are told by their address alone`;
}

/** No name at all: any certificate of the mesh, as in OSM, within the addresses. */
function principalsOf(names: readonly string[]): Principals {
  const [first, ...rest] = [...new Set(names)].sort();
  return first === undefined || names.includes(ANYBODY)
    ? { kind: "anyone" }
    : { kind: "these", names: [first, ...rest] };
}
