/**
 * Clusters for probes: the application's own ports on the pod's loopback.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from "../../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { type TransportSocket, TransportSocketSchema } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import type { HealthCheckSchema } from "../../../gen/envoy/config/core/v3/health_check_pb.ts";
import { UpstreamTlsContextSchema } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { Millis } from "../base/millis.ts";
import type { GrpcProbe, HttpProbe, ProbePlan, TcpProbe } from "../ir/probe.ts";
import { loopbackAssignment } from "./endpoint.ts";
import { tlsParameters } from "./tls.ts";
import { durationOf, typed } from "./typed.ts";

const HTTP_OPTIONS_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/** A port that does not answer is tried again this soon, so that a new application is seen at once. */
const RETRY: Millis = 1000;

/** `<container>_liveness_cluster`. */
export function httpProbeCluster({ container, kind }: Pick<HttpProbe, "container" | "kind">): string {
  return `${container}_${kind}_cluster`;
}

export function tcpProbeCluster({ port }: Pick<TcpProbe, "port">): string {
  return `tcp_probe_cluster_${port}`;
}

export function grpcProbeCluster({ port }: Pick<GrpcProbe, "port">): string {
  return `grpc_probe_cluster_${port}`;
}

export function probeClusters({ http, tcp, grpc }: ProbePlan): Cluster[] {
  return [
    ...http.map((probe) =>
      loopbackCluster(httpProbeCluster(probe), probe, probe.scheme === "HTTPS" ? { transportSocket: anyTls() } : {}),
    ),
    ...tcp.map((probe) => loopbackCluster(tcpProbeCluster(probe), probe, { healthChecks: [tcpCheck(probe)] })),
    ...grpc.map((probe) =>
      loopbackCluster(grpcProbeCluster(probe), probe, { typedExtensionProtocolOptions: { [HTTP_OPTIONS_KEY]: HTTP2 } }),
    ),
  ];
}

function loopbackCluster(
  name: string,
  { port, timeout }: { readonly port: number; readonly timeout: Millis },
  more: MessageInitShape<typeof ClusterSchema>,
): Cluster {
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOf(timeout),
    loadAssignment: loopbackAssignment(name, port),
    ...more,
  });
}

const HTTP2 = typed(HttpProtocolOptionsSchema, {
  upstreamProtocolOptions: {
    case: "explicitHttpConfig",
    value: { protocolConfig: { case: "http2ProtocolOptions", value: {} } },
  },
});

/** As a kubelet probes by HTTPS: it checks no certificate and sends no name. */
function anyTls(): TransportSocket {
  const tlsParams = tlsParameters({ minVersion: "TLSv1_0", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] });
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: typed(UpstreamTlsContextSchema, { commonTlsContext: { tlsParams } }) },
  });
}

/** Connects and closes, without a byte sent. Envoy counts no traffic here, so its pause for idle clusters is the one. */
function tcpCheck({ interval, timeout }: TcpProbe): MessageInitShape<typeof HealthCheckSchema> {
  return {
    timeout: durationOf(timeout),
    interval: durationOf(interval),
    unhealthyInterval: durationOf(RETRY),
    unhealthyEdgeInterval: durationOf(RETRY),
    noTrafficInterval: durationOf(RETRY),
    noTrafficHealthyInterval: durationOf(interval),
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    healthChecker: { case: "tcpHealthCheck", value: {} },
  };
}
