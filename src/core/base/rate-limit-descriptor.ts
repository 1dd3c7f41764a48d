/**
 * What a rate limit service is asked. Operators write it, and proxies ask it, in the same terms.
 *
 * @module
 */
import type { NonEmpty } from "./non-empty.ts";

/** About a connection. All entries together are one question. */
export type ConnectionDescriptor = NonEmpty<{ readonly key: string; readonly value: string }>;

/** About an HTTP request. All entries together are one question; if one of them is not there, none is asked. */
export type RequestDescriptor = NonEmpty<DescriptorEntry>;

export type DescriptorEntry =
  | { readonly kind: "generic-key"; readonly key: string; readonly value: string }
  /** The caller's address. */
  | { readonly kind: "remote-address" }
  /** The value of a header. A request without it asks nothing. */
  | { readonly kind: "request-header"; readonly header: string; readonly key: string }
  | {
      readonly kind: "header-value-match";
      readonly key: string;
      readonly value: string;
      /** False: the entry is there if the headers do not match. */
      readonly expectMatch: boolean;
      readonly headers: NonEmpty<HeaderCondition>;
    };

export interface HeaderCondition {
  readonly name: string;
  readonly is: /** The text is not empty; a regex is RE2 and matches the whole value. */
    | { readonly kind: "exact" | "prefix" | "suffix" | "regex" | "contains"; readonly value: string }
    /** False: the header must not be there. */
    | { readonly kind: "present"; readonly present: boolean };
}
