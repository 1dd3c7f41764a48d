/**
 * The listener that connections to the pod are redirected to. There is no default chain: what is not mutual TLS of the
 * mesh to one of the pod's services is closed.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { type Listener, ListenerSchema } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareText } from "../base/ref.ts";
import type { InboundChain, InboundListener, IngressChain, NetworkAccess } from "../ir/listener.ts";
import type { Observation } from "../ir/observation.ts";
import type { TlsSettings } from "../ir/protocol.ts";
import { accessLogs } from "./access-log.ts";
import { connectionLimitFilters } from "./connection-limit.ts";
import { httpByRouteTable } from "./http-connection.ts";
import { originalDestination, tlsInspector } from "./listener-filter.ts";
import { BLACKHOLE_CLUSTER, INBOUND_LISTENER, INBOUND_PORT, MESH_ALPN } from "./names.ts";
import { networkRbac, tcpToOne } from "./network-filter.ts";
import { memoByTriple } from "./pair-memo.ts";
import { downstreamTls } from "./tls.ts";
import { prefixRange, socketAddress } from "./typed.ts";

/** undefined without any chain: Envoy refuses such a listener. */
export const buildInboundListener: (
  tls: TlsSettings,
  observation: Observation,
  listener: InboundListener,
) => Listener | undefined = memoByTriple((tls, observation, { chains, ingress }) => {
  if (chains.length === 0 && ingress.length === 0) return undefined;
  return create(ListenerSchema, {
    name: INBOUND_LISTENER,
    address: socketAddress("0.0.0.0", INBOUND_PORT),
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: [tlsInspector(), originalDestination()],
    filterChains: [
      ...chains.map((chain) => inboundChain(tls, observation, chain)),
      ...ingress.map((chain) => ingressChain(tls, observation, chain)),
    ],
    accessLog: accessLogs(observation),
  });
});

function inboundChain(tls: TlsSettings, observation: Observation, chain: InboundChain): FilterChain {
  const { name, port, sni, access, connections } = chain;
  const callers = callersInHandshake(chain);
  return create(FilterChainSchema, {
    name,
    filterChainMatch: {
      destinationPort: port,
      serverNames: [sni],
      transportProtocol: "tls",
      applicationProtocols: [MESH_ALPN],
    },
    transportSocket: downstreamTls(tls, { name, callers: callers === "nobody" ? "anyone" : callers }),
    filters: [
      ...accessFilters(access),
      ...connectionLimitFilters(name, connections),
      toTarget(observation, chain, callers),
    ],
  });
}

/** A gateway does not offer the mesh's ALPN, and so never comes into a chain of the mesh on the same port. */
function ingressChain(tls: TlsSettings, observation: Observation, chain: IngressChain): FilterChain {
  const { name, port, sources, routeTable, paths, authorization } = chain;
  return create(FilterChainSchema, {
    name,
    filterChainMatch: {
      destinationPort: port,
      sourcePrefixRanges: sources === "any" ? [] : sources.map(prefixRange),
      // Told in either case: a chain for clear text must not be offered what it cannot read.
      ...(chain.tls === undefined
        ? { transportProtocol: "raw_buffer" }
        : { transportProtocol: "tls", serverNames: [...chain.tls.serverNames] }),
    },
    ...(chain.tls === undefined ? {} : { transportSocket: ingressTls(tls, name, chain.tls) }),
    filters: [httpByRouteTable(observation, { routeTable, paths, ...(authorization && { authorization }) })],
  });
}

function ingressTls(tls: TlsSettings, name: string, { clients, alpn }: NonNullable<IngressChain["tls"]>) {
  return downstreamTls(tls, { name, callers: clients === "verified" ? "anyone" : "unasked", alpn });
}

function accessFilters(access: NetworkAccess): Filter[] {
  switch (access.kind) {
    case "open":
      return [];
    case "policies":
      return [networkRbac(access.policies)];
  }
}

type Callers = "anyone" | "nobody" | NonEmpty<string>;

/**
 * Whom the TLS handshake of a chain lets in.
 *
 * Envoy's network RBAC decides on the caller's first bytes, but its TCP proxy has by then connected to the application
 * and passes on whatever that says first: a caller without permission would read a server-first banner. So for TCP the
 * same policies also become the names that the caller's certificate must have, and with no policy for the port nothing
 * behind the chain is connected to. HTTP needs none of it: nothing is answered before a request was read.
 */
function callersInHandshake({ port, access, target }: InboundChain): Callers {
  if (target.kind === "http" || access.kind === "open") return "anyone";
  const forPort = access.policies.filter(({ ports }) => ports === "any" || ports.includes(port));
  const names = new Set<string>();
  for (const { principals } of forPort) {
    if (principals.kind === "anyone") return "anyone";
    for (const name of principals.names) names.add(name);
  }
  const [first, ...others] = [...names].sort(compareText);
  return first === undefined ? "nobody" : [first, ...others];
}

function toTarget(observation: Observation, { name, target, access }: InboundChain, callers: Callers): Filter {
  switch (target.kind) {
    case "http":
      return httpByRouteTable(observation, { ...target, paths: access.kind === "open" ? "open" : "decided" });
    case "tcp":
      return tcpToOne(name, callers === "nobody" ? BLACKHOLE_CLUSTER : target.cluster);
  }
}
