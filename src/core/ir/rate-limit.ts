/**
 * How often: limits that a proxy keeps itself, and limits that it asks a rate limit service about.
 *
 * What is asked is as it was written. The rest is not: here a rate and its burst are one bucket, a host and port are an
 * upstream, and what is Envoy's own default is left out, so that saying it changes no proxy.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import type { ConnectionDescriptor } from "../base/rate-limit-descriptor.ts";

/** Each proxy has a bucket of its own. A connection or request takes a token; without one it is refused. */
export interface TokenBucket {
  /** How many there can be at once: the rate and its burst. */
  readonly most: number;
  /** How many are added each interval. */
  readonly fill: number;
  readonly interval: Millis;
}

export interface LocalRateLimit {
  readonly bucket: TokenBucket;
  /** Absent: 429. */
  readonly status?: number;
  /** Of the refusal. Sorted by name. */
  readonly responseHeaders: readonly { readonly name: string; readonly value: string }[];
}

export interface RateLimitService {
  /** `<host>|<port>`, an upstream of the proxy. */
  readonly cluster: string;
  readonly domain: string;
  /** How long to wait for it. Absent: Envoy's 20 ms. */
  readonly timeout?: Millis;
  /** What a request gets when it cannot be asked: passage, or a refusal. */
  readonly failOpen: boolean;
}

export interface GlobalConnectionLimit {
  readonly service: RateLimitService;
  readonly descriptors: NonEmpty<ConnectionDescriptor>;
}

export interface GlobalRequestLimit {
  readonly service: RateLimitService;
  /** Absent: 429. */
  readonly status?: number;
  /** Whether answers say how much is left (`x-ratelimit-*`). */
  readonly tellsLimits: boolean;
}
