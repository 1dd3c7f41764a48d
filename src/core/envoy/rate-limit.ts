/**
 * Rate limits, of connections and of requests, kept here or asked from a rate limit service (dataplane spec 3.6, 4.4).
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ApiVersion } from "../../../gen/envoy/config/core/v3/config_source_pb.ts";
import { GrpcServiceSchema } from "../../../gen/envoy/config/core/v3/grpc_service_pb.ts";
import {
  type RateLimitServiceConfig,
  RateLimitServiceConfigSchema,
} from "../../../gen/envoy/config/ratelimit/v3/rls_pb.ts";
import {
  RateLimit_XRateLimitHeadersRFCVersion,
  RateLimitSchema,
} from "../../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import type { HttpFilter } from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { GlobalRequestLimit, RateLimitService } from "../ir/rate-limit.ts";
import { httpFilter } from "./filter.ts";
import { HTTP_RATE_LIMIT } from "./names.ts";
import { refusal } from "./refusal.ts";
import { durationOf } from "./typed.ts";

export function requestLimitFilter({ service, status, tellsLimits }: GlobalRequestLimit): HttpFilter {
  return httpFilter(HTTP_RATE_LIMIT, RateLimitSchema, {
    domain: service.domain,
    ...(service.timeout === undefined ? {} : { timeout: durationOf(service.timeout) }),
    failureModeDeny: !service.failOpen,
    rateLimitService: rateLimitService(service),
    enableXRatelimitHeaders: tellsLimits
      ? RateLimit_XRateLimitHeadersRFCVersion.DRAFT_VERSION_03
      : RateLimit_XRateLimitHeadersRFCVersion.OFF,
    ...(status === undefined ? {} : { rateLimitedStatus: refusal(status) }),
  });
}

export function rateLimitService({ cluster, timeout }: RateLimitService): RateLimitServiceConfig {
  return create(RateLimitServiceConfigSchema, {
    grpcService: create(GrpcServiceSchema, {
      // Envoy would send the cluster's name, in which "|" is no character of an authority (RFC 3986, 3.2): some servers
      // reset such a request.
      targetSpecifier: { case: "envoyGrpc", value: { clusterName: cluster, authority: cluster.replace("|", ":") } },
      ...(timeout === undefined ? {} : { timeout: durationOf(timeout) }),
    }),
    transportApiVersion: ApiVersion.V3,
  });
}
