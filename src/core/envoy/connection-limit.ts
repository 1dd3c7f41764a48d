/**
 * How often connections may be made, counted here or asked from a rate limit service (dataplane spec 3.6).
 *
 * @module
 */
import type { Filter } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { LocalRateLimitSchema } from "../../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts";
import { RateLimitSchema } from "../../../gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.ts";
import type { InboundChain } from "../ir/listener.ts";
import type { GlobalConnectionLimit, TokenBucket } from "../ir/rate-limit.ts";
import { networkFilter } from "./filter.ts";
import { rateLimitService } from "./rate-limit.ts";
import { durationOf } from "./typed.ts";

/** @param statPrefix - The chain's name, as in OSM's statistics. */
export function connectionLimitFilters(statPrefix: string, limits: InboundChain["connections"]): Filter[] {
  return [
    ...(limits?.local === undefined ? [] : [localFilter(statPrefix, limits.local)]),
    ...(limits?.global === undefined ? [] : [globalFilter(statPrefix, limits.global)]),
  ];
}

function localFilter(statPrefix: string, { most, fill, interval }: TokenBucket): Filter {
  return networkFilter("l4_local_rate_limit", LocalRateLimitSchema, {
    statPrefix,
    tokenBucket: { maxTokens: most, tokensPerFill: fill, fillInterval: durationOf(interval) },
  });
}

function globalFilter(statPrefix: string, { service, descriptors }: GlobalConnectionLimit): Filter {
  return networkFilter("l4_global_rate_limit", RateLimitSchema, {
    statPrefix,
    domain: service.domain,
    descriptors: descriptors.map((entries) => ({ entries: entries.map(({ key, value }) => ({ key, value })) })),
    ...(service.timeout === undefined ? {} : { timeout: durationOf(service.timeout) }),
    failureModeDeny: !service.failOpen,
    rateLimitService: rateLimitService(service),
  });
}
