/**
 * The access log: a line for each request on standard output, and to a collector (dataplane spec 3.8).
 *
 * @module
 */
import { create, type JsonObject, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type AccessLog, AccessLogSchema } from "../../../gen/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { TypedExtensionConfigSchema } from "../../../gen/envoy/config/core/v3/extension_pb.ts";
import type { SubstitutionFormatStringSchema } from "../../../gen/envoy/config/core/v3/substitution_format_string_pb.ts";
import { StdoutAccessLogSchema } from "../../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import { ReqWithoutQuerySchema } from "../../../gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts";
import type { AccessLogFormat, LogCollector, LogFields, LogValue, Observation } from "../ir/observation.ts";
import { typed, typedStruct } from "./typed.ts";

/** Sorted by key: protobuf writes map fields in the order in which they were filled. */
const DEFAULT_FORMAT: JsonObject = {
  authority: "%REQ(:AUTHORITY)%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  request_id: "%REQ(X-REQUEST-ID)%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  response_code: "%RESPONSE_CODE%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  response_flags: "%RESPONSE_FLAGS%",
  start_time: "%START_TIME%",
  time_to_first_byte: "%RESPONSE_DURATION%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  user_agent: "%REQ(USER-AGENT)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
};

/** OSM's last code named the logger after the proxy, which made every proxy's listeners differ. The name is constant here. */
const STREAM_LOGGER = "envoy.access_loggers.stream";
const COLLECTOR_LOGGER = `${STREAM_LOGGER}_open_telemetry`;
/** Its own proto needs files that are not at hand. */
const OPEN_TELEMETRY =
  "type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig";
/** How long the collector may take for a batch. */
const COLLECTOR_TIMEOUT = "5s";

/** To standard output, and to the collector if there is one. Each message is new: none is shared between parents. */
export function accessLogs({ accessLog, collector }: Observation): AccessLog[] {
  const format = lineFormat(accessLog);
  return [
    extensionLog(
      STREAM_LOGGER,
      typed(StdoutAccessLogSchema, { accessLogFormat: { case: "logFormat", value: format } }),
    ),
    ...(collector === undefined ? [] : [extensionLog(COLLECTOR_LOGGER, openTelemetry(accessLog, collector))]),
  ];
}

/** Envoy's own wording, for the administration endpoint. */
export function plainAccessLogs(): AccessLog[] {
  return [extensionLog(STREAM_LOGGER, typed(StdoutAccessLogSchema))];
}

export function extensionLog(name: string, config: Any): AccessLog {
  return create(AccessLogSchema, { name, configType: { case: "typedConfig", value: config } });
}

function lineFormat(accessLog: AccessLogFormat): MessageInitShape<typeof SubstitutionFormatStringSchema> {
  const formatters = needsQueryFormatter(accessLog) ? [queryFormatter()] : [];
  if (accessLog.kind === "text") {
    const line = accessLog.text.endsWith("\n") ? accessLog.text : `${accessLog.text}\n`;
    return {
      format: { case: "textFormatSource", value: { specifier: { case: "inlineString", value: line } } },
      formatters,
    };
  }
  return { format: { case: "jsonFormat", value: jsonFields(accessLog) }, formatters };
}

function jsonFields(accessLog: Exclude<AccessLogFormat, { readonly kind: "text" }>): JsonObject {
  return accessLog.kind === "default" ? DEFAULT_FORMAT : mutable(accessLog.fields);
}

/** The same JSON in the type of protobuf's, which knows no `readonly`. */
function mutable(fields: LogFields): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, mutableValue(value)]));
}

function mutableValue(value: LogValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  return isList(value) ? value.map(mutableValue) : mutable(value);
}

function isList(value: LogValue): value is readonly LogValue[] {
  return Array.isArray(value);
}

/** The body is the line as one text, as in OSM: collectors take it apart by rules of their users. */
function openTelemetry(accessLog: AccessLogFormat, { cluster, protocol, attributes }: LogCollector): Any {
  const body = accessLog.kind === "text" ? accessLog.text.trimEnd() : JSON.stringify(asText(jsonFields(accessLog)));
  return typedStruct(OPEN_TELEMETRY, {
    ...collectorService(cluster, protocol),
    log_name: cluster,
    body: { string_value: body },
    attributes: { values: attributes.map(({ key, value }) => ({ key, value: { string_value: value } })) },
    ...(needsQueryFormatter(accessLog) || attributes.some(({ value }) => value.includes(WITHOUT_QUERY))
      ? { formatters: [{ name: QUERY_FORMATTER, typed_config: { "@type": QUERY_FORMATTER_TYPE } }] }
      : {}),
  });
}

/** Of JSON, Envoy reads commands in values alone; of a text, everywhere. */
function asText(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(asText);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.replaceAll("%", "%%"), asText(part)]));
}

function collectorService(cluster: string, protocol: LogCollector["protocol"]): JsonObject {
  switch (protocol.kind) {
    case "grpc":
      return { grpc_service: { envoy_grpc: { cluster_name: cluster }, timeout: COLLECTOR_TIMEOUT } };
    case "http":
      return { http_service: { http_uri: { uri: protocol.url, cluster, timeout: COLLECTOR_TIMEOUT } } };
  }
}

const WITHOUT_QUERY = "%REQ_WITHOUT_QUERY";
const QUERY_FORMATTER = "envoy.formatter.req_without_query";
const QUERY_FORMATTER_TYPE = "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery";

/** One command of the language is an extension, and must be asked for. */
function needsQueryFormatter(accessLog: AccessLogFormat): boolean {
  return accessLog.kind !== "default" && JSON.stringify(accessLog).includes(WITHOUT_QUERY);
}

function queryFormatter(): MessageInitShape<typeof TypedExtensionConfigSchema> {
  return { name: QUERY_FORMATTER, typedConfig: typed(ReqWithoutQuerySchema) };
}
