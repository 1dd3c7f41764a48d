/**
 * Limits on requests as virtual hosts and routes carry them (dataplane spec 4.4).
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
  RuntimeFractionalPercentSchema,
} from "../../../gen/envoy/config/core/v3/base_pb.ts";
import {
  type HeaderMatcherSchema,
  type RateLimit,
  type RateLimit_ActionSchema,
  RateLimitSchema,
} from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import { LocalRateLimitSchema } from "../../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import { TokenBucketSchema } from "../../../gen/envoy/type/v3/token_bucket_pb.ts";
import type { DescriptorEntry, HeaderCondition, RequestDescriptor } from "../base/rate-limit-descriptor.ts";
import type { LocalRateLimit } from "../ir/rate-limit.ts";
import { refusal } from "./refusal.ts";
import { durationOf, typed } from "./typed.ts";

/** Always: the filter itself has no bucket, and counts nothing until a virtual host or a route gives it one. */
const ALL = create(RuntimeFractionalPercentSchema, { defaultValue: { numerator: 100 } });

export function localRequestLimit({ bucket, status, responseHeaders }: LocalRateLimit): Any {
  return typed(LocalRateLimitSchema, {
    statPrefix: "http_local_rate_limiter",
    tokenBucket: create(TokenBucketSchema, {
      maxTokens: bucket.most,
      tokensPerFill: bucket.fill,
      fillInterval: durationOf(bucket.interval),
    }),
    filterEnabled: ALL,
    filterEnforced: ALL,
    ...(status === undefined ? {} : { status: refusal(status) }),
    responseHeadersToAdd: responseHeaders.map(({ name, value }) =>
      create(HeaderValueOptionSchema, {
        header: { key: name, value },
        appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
      }),
    ),
  });
}

/** One question to the rate limit service. */
export function rateLimitActions(descriptor: RequestDescriptor): RateLimit {
  return create(RateLimitSchema, { actions: descriptor.map((entry) => ({ actionSpecifier: action(entry) })) });
}

type Action = NonNullable<MessageInitShape<typeof RateLimit_ActionSchema>["actionSpecifier"]>;

function action(entry: DescriptorEntry): Action {
  switch (entry.kind) {
    case "generic-key":
      return { case: "genericKey", value: { descriptorKey: entry.key, descriptorValue: entry.value } };
    case "remote-address":
      return { case: "remoteAddress", value: {} };
    case "request-header":
      return { case: "requestHeaders", value: { headerName: entry.header, descriptorKey: entry.key } };
    case "header-value-match":
      return {
        case: "headerValueMatch",
        value: {
          descriptorKey: entry.key,
          descriptorValue: entry.value,
          expectMatch: entry.expectMatch,
          headers: entry.headers.map(headerMatcher),
        },
      };
  }
}

function headerMatcher({ name, is }: HeaderCondition): MessageInitShape<typeof HeaderMatcherSchema> {
  switch (is.kind) {
    case "present":
      return { name, headerMatchSpecifier: { case: "presentMatch", value: is.present } };
    case "regex":
      return text(name, { case: "safeRegex", value: { regex: is.value } });
    default:
      return text(name, { case: is.kind, value: is.value });
  }
}

type Pattern =
  | { case: "exact" | "prefix" | "suffix" | "contains"; value: string }
  | { case: "safeRegex"; value: { regex: string } };

function text(name: string, matchPattern: Pattern): MessageInitShape<typeof HeaderMatcherSchema> {
  return { name, headerMatchSpecifier: { case: "stringMatch", value: { matchPattern } } };
}
