/**
 * The listener that the application's own connections are redirected to.
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
import type { Millis } from "../base/millis.ts";
import type { EgressChain, OutboundChain, OutboundListener } from "../ir/listener.ts";
import type { Observation } from "../ir/observation.ts";
import { accessLogs } from "./access-log.ts";
import { httpByRouteTable } from "./http-connection.ts";
import { httpInspector, originalDestination, tlsInspector } from "./listener-filter.ts";
import { OUTBOUND_LISTENER, OUTBOUND_PORT, PASSTHROUGH_CHAIN, PASSTHROUGH_CLUSTER } from "./names.ts";
import { tcpTo, tcpToOne } from "./network-filter.ts";
import { memoByPair } from "./pair-memo.ts";
import { durationOf, prefixRange, socketAddress } from "./typed.ts";

/**
 * How long the inspectors may wait for a client that says nothing.
 *
 * Envoy's 15 s is what made databases on unmarked ports hang. No chain of the mesh matches on what the inspectors find,
 * so nothing is lost when they give up early and the connection goes on by address and port alone.
 */
const INSPECTION: Millis = 300;

/** undefined without any chain: Envoy refuses such a listener, and without it connections are refused as they should be. */
export const buildOutboundListener: (observation: Observation, listener: OutboundListener) => Listener | undefined =
  memoByPair(render);

function render(
  observation: Observation,
  { chains, egress, passthrough, serverFirstPorts }: OutboundListener,
): Listener | undefined {
  if (chains.length === 0 && egress.length === 0 && !passthrough) return undefined;
  return create(ListenerSchema, {
    name: OUTBOUND_LISTENER,
    address: socketAddress("0.0.0.0", OUTBOUND_PORT),
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters: [originalDestination(), tlsInspector(serverFirstPorts), httpInspector(serverFirstPorts)],
    listenerFiltersTimeout: durationOf(INSPECTION),
    continueOnListenerFiltersTimeout: true,
    filterChains: [
      ...chains.map((chain) => outboundChain(observation, chain)),
      ...egress.map((chain) => egressChain(observation, chain)),
    ],
    ...(passthrough ? { defaultFilterChain: passthroughChain() } : {}),
    accessLog: accessLogs(observation),
  });
}

function outboundChain(observation: Observation, { name, port, addresses, target }: OutboundChain): FilterChain {
  return create(FilterChainSchema, {
    name,
    filterChainMatch: {
      destinationPort: port,
      prefixRanges: addresses.map((addressPrefix) => ({ addressPrefix, prefixLen: 32 })),
    },
    filters: [toTarget(observation, name, target)],
  });
}

function toTarget(observation: Observation, chainName: string, target: OutboundChain["target"]): Filter {
  switch (target.kind) {
    case "http":
      // All requests to a service take one route; who may call which path is decided at the server.
      return httpByRouteTable(observation, { routeTable: target.routeTable, paths: "open" });
    case "tcp":
      return tcpTo(chainName, target.clusters);
  }
}

/** As the HTTP inspector calls what it recognises in clear text. */
const CLEAR_HTTP = ["http/1.0", "http/1.1", "h2c"];

function egressChain(observation: Observation, { name, port, ranges, target }: EgressChain): FilterChain {
  return create(FilterChainSchema, {
    name,
    filterChainMatch: {
      destinationPort: port,
      prefixRanges: ranges === "any" ? [] : ranges.map(prefixRange),
      ...(target.kind === "http" ? { applicationProtocols: CLEAR_HTTP } : {}),
      ...(target.kind === "tls" ? { transportProtocol: "tls", serverNames: [...target.serverNames] } : {}),
    },
    filters: [
      target.kind === "http"
        ? httpByRouteTable(observation, { routeTable: target.routeTable, paths: "decided" })
        : tcpToOne(`egress-tcp-proxy.${target.cluster}`, target.cluster),
    ],
  });
}

function passthroughChain(): FilterChain {
  return create(FilterChainSchema, {
    name: PASSTHROUGH_CHAIN,
    filters: [tcpToOne(`egress-tcp-proxy.${PASSTHROUGH_CLUSTER}`, PASSTHROUGH_CLUSTER)],
  });
}
