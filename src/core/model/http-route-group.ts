/**
 * HTTPRouteGroup: named kinds of HTTP request.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

export interface HttpMatch {
  readonly name: string;
  /** RE2, matches the whole path without the query. `.*` if left out. */
  readonly pathRegex: string;
  /** Never empty; `["*"]` is any. Each once. */
  readonly methods: readonly string[];
  /** RE2 patterns that match the whole value. Sorted by name, `:authority` (written `host`) first, each name once. */
  readonly headers: readonly { readonly name: string; readonly regex: string }[];
}

export interface HTTPRouteGroup {
  readonly kind: "HTTPRouteGroup";
  readonly meta: Meta;
  /** Names are unique: of two with one name, the later one stands. */
  readonly matches: readonly HttpMatch[];
}
