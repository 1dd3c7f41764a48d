/**
 * Which messages may stand packed in ours, and all of them as YAML that a person can read.
 *
 * @module
 */
import {
  createRegistry,
  type DescMessage,
  type JsonValue,
  type MessageShape,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { ZipkinConfigSchema } from "../../gen/envoy/config/trace/v3/zipkin_pb.ts";
import { StdoutAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import { ExtAuthzSchema } from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import { HealthCheckSchema } from "../../gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { LocalRateLimitSchema } from "../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import { RateLimitSchema as HttpRateLimitSchema } from "../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import {
  RBACSchema as HttpRbacSchema,
  RBACPerRouteSchema,
} from "../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { RouterSchema } from "../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpInspectorSchema } from "../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts";
import { OriginalDstSchema } from "../../gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts";
import { TlsInspectorSchema } from "../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { LocalRateLimitSchema as NetworkLocalRateLimitSchema } from "../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts";
import { RateLimitSchema as NetworkRateLimitSchema } from "../../gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts";
import { RBACSchema as NetworkRbacSchema } from "../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { ReqWithoutQuerySchema } from "../../gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts";
import { PreviousHostsPredicateSchema } from "../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { SecretSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";

/** A message that is packed somewhere and is not listed here makes its JSON throw and the field rules complain. */
export const PACKED: Registry = createRegistry(
  StdoutAccessLogSchema,
  LocalRateLimitSchema,
  HttpRateLimitSchema,
  HealthCheckSchema,
  NetworkLocalRateLimitSchema,
  NetworkRateLimitSchema,
  HttpRbacSchema,
  RBACPerRouteSchema,
  RouterSchema,
  HttpInspectorSchema,
  OriginalDstSchema,
  TlsInspectorSchema,
  HttpConnectionManagerSchema,
  NetworkRbacSchema,
  TcpProxySchema,
  SecretSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  ExtAuthzSchema,
  ZipkinConfigSchema,
  ReqWithoutQuerySchema,
  PreviousHostsPredicateSchema,
  TypedStructSchema,
);

/** Protobuf's JSON with the field names of Envoy's documentation. */
function toEnvoyJson<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { registry: PACKED, useProtoFieldName: true });
}

/** One entry for each kind of resource, as golden files hold them. */
export function configJson(config: EnvoyConfig): Readonly<Record<string, JsonValue>> {
  return {
    clusters: config.clusters.map((one) => toEnvoyJson(ClusterSchema, one)),
    endpoints: config.endpoints.map((one) => toEnvoyJson(ClusterLoadAssignmentSchema, one)),
    listeners: config.listeners.map((one) => toEnvoyJson(ListenerSchema, one)),
    routes: config.routes.map((one) => toEnvoyJson(RouteConfigurationSchema, one)),
    secrets: config.secrets.map((one) => toEnvoyJson(SecretSchema, one)),
  };
}
