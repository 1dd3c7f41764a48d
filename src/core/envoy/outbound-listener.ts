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
import { httpInspector, type Inspection, originalDestination, tlsInspector } from "./listener-filter.ts";
import { OUTBOUND_LISTENER, OUTBOUND_PORT, PASSTHROUGH_CHAIN, PASSTHROUGH_CLUSTER } from "./names.ts";
import { tcpTo, tcpToOne } from "./network-filter.ts";
import { memoByPair } from "./pair-memo.ts";
import { durationOf, prefixRange, socketAddress } from "./typed.ts";

/**
 * How long the inspectors may wait for a client that says nothing, where no chain depends on what they find.
 *
 * Envoy's 15 s is what made databases on unmarked ports hang. No chain of the mesh matches on what the inspectors find,
 * so nothing is lost when they give up early and the connection goes on by address and port alone.
 */
const INSPECTION: Millis = 300;
/** Where one does, which is so for ports of Egress objects: giving up early would close the connection. */
const PATIENT_INSPECTION: Millis = 15_000;

/** undefined without any chain: Envoy refuses such a listener, and without it connections are refused as they should be. */
export const buildOutboundListener: (observation: Observation, listener: OutboundListener) => Listener | undefined =
  memoByPair(render);

function render(
  observation: Observation,
  { chains, egress, passthrough, serverFirstPorts }: OutboundListener,
): Listener | undefined {
  if (chains.length === 0 && egress.length === 0 && !passthrough) return undefined;
  const { where, patience } = inspection(egress, serverFirstPorts);
  return create(ListenerSchema, {
    name: OUTBOUND_LISTENER,
    address: socketAddress("0.0.0.0", OUTBOUND_PORT),
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters: [originalDestination(), tlsInspector(where), httpInspector(where)],
    listenerFiltersTimeout: durationOf(patience),
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
      return httpByRouteTable(observation, { routeTable: target.routeTable, paths: "open", calls: true });
    case "tcp":
      return tcpTo(chainName, target.clusters, target.silence);
  }
}

/**
 * On ports whose chains look at content, and there with patience; nobody waits on the others then. If nobody looks at
 * content, on all but the server-first ports, for what access logs tell of it.
 */
function inspection(
  egress: readonly EgressChain[],
  serverFirstPorts: readonly number[],
): { readonly where: Inspection; readonly patience: Millis } {
  const looking = egress.filter(({ target }) => target.kind !== "tcp").map(({ port }) => port);
  const [first, ...rest] = [...new Set(looking)].sort((a, b) => a - b);
  if (first === undefined) return { where: { kind: "except", ports: serverFirstPorts }, patience: INSPECTION };
  // On a port that is shared with a server that speaks first, both must work: who knows its words says them at once.
  const shared = [first, ...rest].some((port) => serverFirstPorts.includes(port));
  return {
    where: { kind: "only", ports: [first, ...rest] },
    patience: shared ? INSPECTION : PATIENT_INSPECTION,
  };
}

/** As the HTTP inspector calls what it recognises in clear text. */
const CLEAR_HTTP = ["http/1.0", "http/1.1", "h2c"];
const CLEAR = "raw_buffer";

function egressChain(observation: Observation, { name, port, ranges, target }: EgressChain): FilterChain {
  return create(FilterChainSchema, {
    name,
    filterChainMatch: {
      destinationPort: port,
      prefixRanges: ranges === "any" ? [] : ranges.map(prefixRange),
      ...egressMatch(target),
    },
    filters: [
      target.kind === "http"
        ? httpByRouteTable(observation, { routeTable: target.routeTable, paths: target.paths })
        : tcpToOne(`egress-tcp-proxy.${target.cluster}`, target.cluster, target.silence),
    ],
  });
}

/** The transport is always told: clients offer `http/1.1` in TLS too, and Envoy would take that for clear text. */
function egressMatch(target: EgressChain["target"]) {
  switch (target.kind) {
    case "http":
      return { transportProtocol: CLEAR, applicationProtocols: CLEAR_HTTP };
    case "tls":
      return { transportProtocol: "tls", serverNames: target.serverNames === "any" ? [] : [...target.serverNames] };
    case "tcp":
      return target.of === "all" ? {} : { transportProtocol: target.of === "tls" ? "tls" : CLEAR };
  }
}

function passthroughChain(): FilterChain {
  return create(FilterChainSchema, {
    name: PASSTHROUGH_CHAIN,
    filters: [tcpToOne(`egress-tcp-proxy.${PASSTHROUGH_CLUSTER}`, PASSTHROUGH_CLUSTER)],
  });
}
