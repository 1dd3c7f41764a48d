/**
 * The access log: one line of JSON on standard output (dataplane spec 3.8).
 *
 * @module
 */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type AccessLog, AccessLogSchema } from "../../../gen/envoy/config/accesslog/v3/accesslog_pb.ts";
import { StdoutAccessLogSchema } from "../../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import type { Observation } from "../ir/observation.ts";
import { typed } from "./typed.ts";

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

/** TODO-C: formats and the collector. */
export function accessLogs(_observation: Observation): AccessLog[] {
  return [
    create(AccessLogSchema, {
      name: STREAM_LOGGER,
      configType: {
        case: "typedConfig",
        value: typed(StdoutAccessLogSchema, {
          accessLogFormat: { case: "logFormat", value: { format: { case: "jsonFormat", value: DEFAULT_FORMAT } } },
        }),
      },
    }),
  ];
}

/** Envoy's own wording, for the administration endpoint. */
export function plainAccessLogs(): AccessLog[] {
  return [
    create(AccessLogSchema, {
      name: STREAM_LOGGER,
      configType: { case: "typedConfig", value: typed(StdoutAccessLogSchema) },
    }),
  ];
}
