/**
 * External authorisation: every request is shown to a service outside the proxy before it passes (dataplane spec 3.6).
 *
 * @module
 */
import { ApiVersion } from "../../../gen/envoy/config/core/v3/config_source_pb.ts";
import { ExtAuthzSchema } from "../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import type { HttpFilter } from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { ExternalAuthorization } from "../ir/listener.ts";
import { httpFilter } from "./filter.ts";
import { BLACKHOLE_CLUSTER } from "./names.ts";
import { durationOf } from "./typed.ts";

/** Bytes of a body that the service sees, as in OSM. */
const MOST_BODY = 8192;

export function authorizationFilter(authorization: ExternalAuthorization): HttpFilter {
  const { cluster = BLACKHOLE_CLUSTER, statPrefix, timeout, failureModeAllow } = authorization;
  return httpFilter("http_external_authz", ExtAuthzSchema, {
    services: {
      case: "grpcService",
      value: { targetSpecifier: { case: "envoyGrpc", value: { clusterName: cluster } }, timeout: durationOf(timeout) },
    },
    transportApiVersion: ApiVersion.V3,
    withRequestBody: { maxRequestBytes: MOST_BODY, allowPartialMessage: true },
    failureModeAllow,
    statPrefix,
  });
}
