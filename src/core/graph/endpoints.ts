/**
 * The addresses behind a Service that answer, from EndpointSlices or, where there are none, from its Endpoints object.
 *
 * @module
 */
import { memoByObject } from "../base/memo.ts";
import { compareText, keyOf, type ObjectRef } from "../base/ref.ts";
import type { EndpointSlice, SliceEndpoint } from "../model/endpoint-slice.ts";
import type { Endpoints } from "../model/endpoints.ts";
import type { EndpointPort } from "../model/port.ts";
import type { Service, ServicePort } from "../model/service.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { PodIndex } from "./pods.ts";

export interface ServiceAddress {
  /** IPv4. */
  readonly ip: string;
  readonly port: number;
  /** A StatefulSet pod's host name; "" otherwise. */
  readonly hostname: string;
  readonly target?: ObjectRef;
  /** Its pod is going away, but still answers. */
  readonly draining?: true;
}

/** Slices by the Service that they belong to. */
export type SliceIndex = ReadonlyMap<string, readonly EndpointSlice[]>;

export const indexSlices: (slices: Snapshot["objects"]["EndpointSlice"]) => SliceIndex = memoByObject((slices) => {
  const index = new Map<string, EndpointSlice[]>();
  for (const slice of slices.values()) {
    if (slice.addressType !== "IPv4" || slice.service === "") continue;
    const key = keyOf({ namespace: slice.meta.namespace, name: slice.service });
    const group = index.get(key);
    if (group === undefined) index.set(key, [slice]);
    else group.push(slice);
  }
  return index;
});

export interface AddressSources {
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | undefined;
  readonly pods: Pick<PodIndex, "byAddress">;
}

/**
 * The addresses of one port of `service` that answer, each once, sorted by address and port: those that are ready, and
 * those of pods that are going away and still serve.
 *
 * If that is none at all, those whose containers were ready when their kubelet was last heard of. After an outage of the
 * API server or etcd the node controller calls every pod not ready for some seconds, and all Services would lose all
 * addresses although nothing is wrong with any pod.
 */
export function addressesOf(
  service: Service,
  port: ServicePort,
  { slices, endpoints, pods }: AddressSources,
): readonly ServiceAddress[] {
  // A cluster mirrors Endpoints into slices: where there are slices, they alone count.
  const found =
    slices.length > 0 ? fromSlices(port, slices, pods) : fromEndpoints(port, service.ports.length === 1, endpoints);
  const sorted = found.filter(({ ip }) => isIpv4(ip)).sort(compareAddresses);
  // An address can be in two slices while it moves between them: the ready one counts, and of those the one with a
  // host name.
  return [...new Map(sorted.map((address) => [`${address.ip}:${address.port}`, address])).values()];
}

function compareAddresses(a: ServiceAddress, b: ServiceAddress): number {
  const draining = Number(b.draining === true) - Number(a.draining === true);
  return compareText(a.ip, b.ip) || a.port - b.port || draining || compareText(a.hostname, b.hostname);
}

/** Envoy's matches and our redirection are for IPv4; an IPv6 address in a /32 would mean something else (spec 2.5). */
export function isIpv4(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address);
}

function fromSlices(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  { byAddress }: AddressSources["pods"],
): readonly ServiceAddress[] {
  const answering = selected(port, slices, ({ ready, serving, terminating }) => ready || (serving && terminating));
  if (answering.length > 0) return answering;
  const isUnheardOf = (ip: string) => byAddress.get(ip)?.containersReady === true;
  return selected(port, slices, ({ addresses, terminating }) => !terminating && addresses.every(isUnheardOf));
}

function selected(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  isWanted: (endpoint: SliceEndpoint) => boolean,
): readonly ServiceAddress[] {
  return slices.flatMap((slice) => {
    const own = slice.ports.find((candidate) => sameName(candidate, port));
    if (own === undefined) return [];
    return slice.endpoints.filter(isWanted).flatMap(({ addresses, hostname, target, terminating, ready }) =>
      addresses.map(
        (ip): ServiceAddress => ({
          ip,
          port: own.port,
          hostname,
          ...(target && { target }),
          ...(terminating && !ready ? { draining: true } : {}),
        }),
      ),
    );
  });
}

function fromEndpoints(
  port: ServicePort,
  isOnlyPort: boolean,
  endpoints: Endpoints | undefined,
): readonly ServiceAddress[] {
  return (endpoints?.subsets ?? []).flatMap(({ addresses, ports }) => {
    // Hand-written Endpoints for a single port often leave out its name.
    const own =
      ports.find((candidate) => sameName(candidate, port)) ?? (isOnlyPort && ports.length === 1 ? ports[0] : undefined);
    if (own === undefined) return [];
    return addresses.map(({ ip, hostname, target }) => ({
      ip,
      port: own.port,
      hostname,
      ...(target && { target }),
    }));
  });
}

function sameName(candidate: EndpointPort, port: ServicePort): boolean {
  return candidate.name === port.name && candidate.transport === port.transport;
}
