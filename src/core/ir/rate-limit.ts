/**
 * How often: limits that a proxy keeps itself, and limits that it asks a rate limit service about.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";

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

export interface HeaderCondition {
  readonly name: string;
  readonly is:
    | { readonly kind: "exact" | "prefix" | "suffix" | "regex" | "contains"; readonly value: string }
    | { readonly kind: "present"; readonly present: boolean };
}

export type DescriptorEntry =
  | { readonly kind: "generic-key"; readonly key: string; readonly value: string }
  | { readonly kind: "remote-address" }
  /** A request without the header asks nothing. */
  | { readonly kind: "request-header"; readonly header: string; readonly key: string }
  | {
      readonly kind: "header-value-match";
      readonly key: string;
      readonly value: string;
      /** False: the entry is there if the headers do not match. */
      readonly expectMatch: boolean;
      readonly headers: NonEmpty<HeaderCondition>;
    };

/** What the service is asked about: all entries together. */
export type Descriptor = NonEmpty<DescriptorEntry>;

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
  readonly descriptors: NonEmpty<NonEmpty<{ readonly key: string; readonly value: string }>>;
}

export interface GlobalRequestLimit {
  readonly service: RateLimitService;
  /** Absent: 429. */
  readonly status?: number;
  /** Whether answers say how much is left (`x-ratelimit-*`). */
  readonly tellsLimits: boolean;
}
