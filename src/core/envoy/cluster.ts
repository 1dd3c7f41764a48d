/**
 * Clusters: one for each upstream of the IR.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from "../../../gen/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  ClusterSchema,
} from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { HttpProtocolOptionsSchema as CommonHttpOptionsSchema } from "../../../gen/envoy/config/core/v3/protocol_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { TlsSettings } from "../ir/protocol.ts";
import type {
  ConnectionLimits,
  HostUpstream,
  LocalUpstream,
  MeshUpstream,
  OriginalUpstream,
  Upstream,
} from "../ir/upstream.ts";
import { emptyAssignment, loneAssignment, loopbackAssignment } from "./endpoint.ts";
import { endpointHealth } from "./endpoint-health.ts";
import { ADMIN_PORT, BLACKHOLE_CLUSTER } from "./names.ts";
import { memoByPair } from "./pair-memo.ts";
import { upstreamTls } from "./tls.ts";
import { durationOf, fromAds } from "./typed.ts";

/** The largest number that a threshold holds: no limit. */
const UNLIMITED = 2 ** 32 - 1;

const HTTP_OPTIONS_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/**
 * The cluster that carries traffic to one upstream, named as the upstream.
 *
 * Equal inputs give byte-equal outputs. Endpoints of the mesh are left to EDS, so a scale-out changes no cluster.
 */
export const buildCluster: (tls: TlsSettings, upstream: Upstream) => Cluster = memoByPair(renderCluster);

function renderCluster(tls: TlsSettings, upstream: Upstream): Cluster {
  switch (upstream.kind) {
    case "mesh":
      return meshCluster(tls, upstream);
    case "local":
      return localCluster(upstream);
    case "original":
      return originalCluster(upstream);
    case "host":
      return hostCluster(upstream);
    case "metrics":
      return create(ClusterSchema, {
        name: upstream.name,
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
        loadAssignment: loopbackAssignment(upstream.name, ADMIN_PORT),
      });
  }
}

/** Never has an endpoint: Envoy closes what is sent here. */
export const BLACKHOLE: Cluster = emptyCluster(BLACKHOLE_CLUSTER);

function meshCluster(tls: TlsSettings, upstream: MeshUpstream): Cluster {
  const { name, sni, peers, limits } = upstream;
  // Without a name to expect, any certificate of the mesh would do. So there is nowhere to connect to.
  if (peers.kind === "blocked") return emptyCluster(name);
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: fromAds() },
    transportSocket: upstreamTls(tls, { name, sni, peers: peers.secret }),
    ...limited(limits, "same"),
    ...endpointHealth(upstream),
  });
}

/**
 * The application on the pod's own loopback.
 *
 * OSM made it STRICT_DNS, which resolved the number 127.0.0.1 over and over. STATIC is the same to everybody who looks
 * at names or statistics, is ready at once and asks no resolver. OSM left Envoy's limit of 1024 concurrent requests
 * here, so that a pod refused WebSockets and streams above it; limits are for a policy to set, not for a default.
 */
function localCluster({ name, port }: LocalUpstream): Cluster {
  return create(ClusterSchema, {
    name,
    altStatName: name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
    loadAssignment: loopbackAssignment(name, port),
    ...limited(undefined, "same"),
  });
}

function originalCluster({ name, protocol, limits }: OriginalUpstream): Cluster {
  return create(ClusterSchema, {
    name,
    ...(protocol === undefined ? {} : { altStatName: statName(name) }),
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    ...limited(limits, protocol),
  });
}

/** The statistics carry no dots and colons of their own, so that dashboards can take the name apart. */
function statName(name: string): string {
  return name.replaceAll(/[.:]/g, "_");
}

function hostCluster({ name, host, port, protocol, limits }: HostUpstream): Cluster {
  return create(ClusterSchema, {
    name,
    altStatName: statName(name),
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STRICT_DNS },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
    loadAssignment: loneAssignment(name, { address: host, port }),
    ...limited(limits, protocol),
  });
}

function emptyCluster(name: string): Cluster {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    loadAssignment: emptyAssignment(name),
  });
}

/** What bounds a cluster's connections and requests, and how they are spoken. @param protocol - undefined: bytes. */
function limited(limits: ConnectionLimits = {}, protocol: HostUpstream["protocol"] | undefined) {
  const { connectTimeout } = limits;
  return {
    circuitBreakers: thresholds(limits),
    ...(connectTimeout === undefined ? {} : { connectTimeout: durationOf(connectTimeout) }),
    ...(protocol === undefined ? {} : { typedExtensionProtocolOptions: spoken(protocol, limits) }),
  };
}

/**
 * `same`: HTTP/1.1 in is HTTP/1.1 out and HTTP/2 in is HTTP/2 out, on each of the two hops: gRPC needs it from end to
 * end.
 */
function spoken(protocol: HostUpstream["protocol"], limits: ConnectionLimits): Record<string, Any> {
  const { maxRequestsPerConnection, idleTimeout } = limits;
  const common = create(CommonHttpOptionsSchema, {
    ...(maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection }),
    ...(idleTimeout === undefined ? {} : { idleTimeout: durationOf(idleTimeout) }),
  });
  const isBounded = maxRequestsPerConnection !== undefined || idleTimeout !== undefined;
  const options = create(HttpProtocolOptionsSchema, { upstreamProtocolOptions: protocolOptions(protocol) });
  if (isBounded) options.commonHttpProtocolOptions = common;
  return { [HTTP_OPTIONS_KEY]: anyPack(HttpProtocolOptionsSchema, options) };
}

type ProtocolOptions = NonNullable<MessageInitShape<typeof HttpProtocolOptionsSchema>["upstreamProtocolOptions"]>;

function protocolOptions(protocol: HostUpstream["protocol"]): ProtocolOptions {
  switch (protocol) {
    case "same":
      return { case: "useDownstreamProtocolConfig", value: { http2ProtocolOptions: {} } };
    case "http1":
      return { case: "explicitHttpConfig", value: { protocolConfig: { case: "httpProtocolOptions", value: {} } } };
    case "http2":
      return { case: "explicitHttpConfig", value: { protocolConfig: { case: "http2ProtocolOptions", value: {} } } };
  }
}

function thresholds({
  maxConnections,
  maxPendingRequests,
  maxRequests,
  maxRetries,
}: ConnectionLimits): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: maxConnections ?? UNLIMITED,
        maxPendingRequests: maxPendingRequests ?? UNLIMITED,
        maxRequests: maxRequests ?? UNLIMITED,
        maxRetries: maxRetries ?? UNLIMITED,
        trackRemaining: true,
      },
    ],
  });
}
