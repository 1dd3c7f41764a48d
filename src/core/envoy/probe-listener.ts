/**
 * Listeners for probes: static, in clear text, and as narrow as a probe (dataplane spec 7.3).
 *
 * They are let past the redirection, so whatever they pass on needs no certificate. OSM passed on any path that began
 * with the probe's, with any method, and whole TLS connections; here it is one path and one method each.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { AccessLog } from "../../../gen/envoy/config/accesslog/v3/accesslog_pb.ts";
import { TrafficDirection } from "../../../gen/envoy/config/core/v3/base_pb.ts";
import { type Listener, ListenerSchema } from "../../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { HeaderMatcherSchema, RouteSchema } from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import { HealthCheckSchema } from "../../../gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { RouterSchema } from "../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation,
  type HttpFilter,
} from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { PLAIN_OBSERVATION } from "../ir/observation.ts";
import {
  type GrpcProbe,
  HEALTH_PATH,
  HEALTH_PORT,
  HEALTH_PORT_HEADER,
  type HttpProbe,
  PROBE_KINDS,
  PROBE_PORTS,
  PROXY_READY_PATH,
  type ProbeKind,
  type ProbePlan,
  probePath,
  type TcpProbe,
} from "../ir/probe.ts";
import { accessLogs } from "./access-log.ts";
import { connectionManager, httpFilter } from "./filter.ts";
import { grpcProbeCluster, httpProbeCluster, tcpProbeCluster } from "./probe-cluster.ts";
import { durationOf, socketAddress } from "./typed.ts";

const HEALTH_CHECK_METHOD = "/grpc.health.v1.Health/Check";

type Route = MessageInitShape<typeof RouteSchema>;

/** Sorted by port. The health listener is always there: it also says that the proxy itself is ready. */
export function probeListeners({ http, tcp, grpc }: ProbePlan): Listener[] {
  const ofKinds = PROBE_KINDS.flatMap((kind) => {
    const probes = http.filter((probe) => probe.kind === kind);
    return probes.length === 0 ? [] : [httpListener(kind, probes)];
  });
  return [...ofKinds, healthListener(tcp), ...grpc.map(grpcListener)];
}

function httpListener(kind: ProbeKind, probes: readonly HttpProbe[]): Listener {
  const routes = probes.map((probe) => httpRoute(probe, probePath(kind, probe.container)));
  const [only, ...others] = probes;
  // OSM 1.2 had one probe of a kind in a pod, at a path without the container.
  const alias = only !== undefined && others.length === 0 ? [httpRoute(only, probePath(kind, "").slice(0, -1))] : [];
  return clearListener({
    name: `${kind}_listener`,
    port: PROBE_PORTS[kind],
    codecType: HttpConnectionManager_CodecType.AUTO,
    routes: [...routes, ...alias],
    accessLog: accessLogs(PLAIN_OBSERVATION),
  });
}

/** Exactly this path: by prefix, the probe of `web2` would have been answered by `web`. */
function httpRoute(probe: HttpProbe, path: string): Route {
  return {
    match: { pathSpecifier: { case: "path", value: path }, headers: [method("GET")] },
    action: {
      case: "route",
      value: {
        clusterSpecifier: { case: "cluster", value: httpProbeCluster(probe) },
        prefixRewrite: probe.path,
        timeout: durationOf(probe.timeout),
      },
    },
  };
}

/** Connecting a TCP probe through would prove nothing: Envoy accepts before it knows whether the application does. */
function healthListener(tcp: readonly TcpProbe[]): Listener {
  return clearListener({
    name: "healthcheck_listener",
    port: HEALTH_PORT,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routes: [],
    filters: [healthAnswer("proxy_ready", [exactly(":path", PROXY_READY_PATH)]), ...tcp.map(tcpAnswer)],
  });
}

function tcpAnswer(probe: TcpProbe): HttpFilter {
  const asked = exactly(HEALTH_PORT_HEADER.toLowerCase(), String(probe.port));
  const cluster = tcpProbeCluster(probe);
  return healthAnswer(cluster, [exactly(":path", HEALTH_PATH), asked], { [cluster]: { value: 100 } });
}

/** Answers 200 or 503 itself. */
function healthAnswer(
  name: string,
  headers: MessageInitShape<typeof HeaderMatcherSchema>[],
  healthy: Record<string, { value: number }> = {},
): HttpFilter {
  return httpFilter(`envoy.filters.http.health_check.${name}`, HealthCheckSchema, {
    passThroughMode: false,
    headers,
    clusterMinHealthyPercentages: healthy,
  });
}

function grpcListener(probe: GrpcProbe): Listener {
  return clearListener({
    name: `grpc_probe_listener_${probe.listenPort}`,
    port: probe.listenPort,
    codecType: HttpConnectionManager_CodecType.HTTP2,
    routes: [
      {
        match: { pathSpecifier: { case: "path", value: HEALTH_CHECK_METHOD }, headers: [method("POST")] },
        action: {
          case: "route",
          value: {
            clusterSpecifier: { case: "cluster", value: grpcProbeCluster(probe) },
            timeout: durationOf(probe.timeout),
          },
        },
      },
    ],
  });
}

interface ClearListener {
  readonly name: string;
  readonly port: number;
  readonly codecType: HttpConnectionManager_CodecType;
  readonly routes: Route[];
  readonly filters?: HttpFilter[];
  readonly accessLog?: AccessLog[];
}

/** The application sees the kubelet's own headers: nothing is added on the way. */
function clearListener({ name, port, codecType, routes, filters = [], accessLog = [] }: ClearListener): Listener {
  return create(ListenerSchema, {
    name,
    address: socketAddress("0.0.0.0", port),
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: [
      {
        filters: [
          connectionManager({
            statPrefix: "health_probes_http",
            codecType,
            serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
            generateRequestId: false,
            routeSpecifier: {
              case: "routeConfig",
              value: { name: "local_route", virtualHosts: [{ name: "local_service", domains: ["*"], routes }] },
            },
            httpFilters: [...filters, httpFilter("http_router", RouterSchema, { suppressEnvoyHeaders: true })],
            accessLog,
          }),
        ],
      },
    ],
  });
}

function method(name: string): MessageInitShape<typeof HeaderMatcherSchema> {
  return exactly(":method", name);
}

function exactly(name: string, value: string): MessageInitShape<typeof HeaderMatcherSchema> {
  return {
    name,
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "exact", value } },
    },
  };
}
