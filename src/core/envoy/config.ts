/**
 * One proxy's whole configuration: IR in, Envoy's messages out. Decides nothing about access; it renders what it gets.
 *
 * Every message is remembered by the parts of the IR that it is made of, so proxies that see the same thing hold the same
 * message, and a compile costs the parts that are new (design 6). Nobody may change a message that came from here.
 *
 * @module
 */
import type { Cluster } from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import type { ClusterLoadAssignment } from "../../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import type { Listener } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { RouteConfiguration } from "../../../gen/envoy/config/route/v3/route_pb.ts";
import type { Secret } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { memoByObject } from "../base/memo.ts";
import type { ProxyIr } from "../ir/proxy.ts";
import { BLACKHOLE, buildCluster } from "./cluster.ts";
import { buildEndpoints } from "./endpoint.ts";
import { buildInboundListener } from "./inbound-listener.ts";
import { buildMetricsListener } from "./metrics-listener.ts";
import { BLACKHOLE_CLUSTER } from "./names.ts";
import { buildOutboundListener } from "./outbound-listener.ts";
import { referencesOf } from "./reference.ts";
import { buildRoutes } from "./route.ts";
import { buildInboundRoot, buildTrustedPeers, type TrustBundle } from "./secret.ts";

/** In the order of the IR, each name once. The proxy's own certificate is not among the secrets: the engine adds it. */
export interface EnvoyConfig {
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
  readonly secrets: readonly Secret[];
}

/** Never throws: the IR admits only valid values. */
export function buildConfig(ir: ProxyIr, trust: TrustBundle): EnvoyConfig {
  const listeners = buildListeners(ir);
  return {
    clusters: buildClusters(ir, listeners),
    endpoints: buildEndpointSets(ir),
    listeners,
    routes: ir.routeTables.map(buildRoutes),
    secrets: [buildInboundRoot(trust), ...ir.trustedPeers.map((peers) => buildTrustedPeers(trust, peers))],
  };
}

function buildListeners({ tls, observation, inbound, outbound, metrics }: ProxyIr): readonly Listener[] {
  return [
    inbound === undefined ? undefined : buildInboundListener(tls, observation, inbound),
    metrics ? buildMetricsListener(observation) : undefined,
    outbound === undefined ? undefined : buildOutboundListener(observation, outbound),
  ].filter((listener) => listener !== undefined);
}

function buildClusters({ tls, upstreams }: ProxyIr, listeners: readonly Listener[]): readonly Cluster[] {
  const clusters = upstreams.map((upstream) => buildCluster(tls, upstream));
  if (!listeners.some(usesBlackhole)) return clusters;
  return [...clusters, BLACKHOLE];
}

const usesBlackhole = memoByObject((listener: Listener) => referencesOf(listener).clusters.includes(BLACKHOLE_CLUSTER));

/** A blocked upstream asks for no endpoints, so it gets none: nobody may be reached there. */
function buildEndpointSets({ upstreams, endpointSets }: ProxyIr): readonly ClusterLoadAssignment[] {
  const blocked = new Set(
    upstreams.flatMap((one) => (one.kind === "mesh" && one.peers.kind === "blocked" ? [one.name] : [])),
  );
  return endpointSets.filter(({ cluster }) => !blocked.has(cluster)).map(buildEndpoints);
}
