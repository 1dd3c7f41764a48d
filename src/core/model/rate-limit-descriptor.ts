/**
 * What a rate limit service is asked about an HTTP request.
 *
 * @module
 */
import * as v from "valibot";
import type { NonEmpty } from "../base/non-empty.ts";
import { Flag, fieldsOf, filled, listOf, NameText, someOf } from "./fields.ts";
import { ReadHeaderName } from "./header.ts";
import { Pattern } from "./regex.ts";

/** All entries together are one question. */
export interface HttpDescriptor {
  readonly entries: NonEmpty<DescriptorEntry>;
}

export type DescriptorEntry =
  | { readonly kind: "genericKey"; readonly key: string; readonly value: string }
  /** The caller's address. */
  | { readonly kind: "remoteAddress" }
  /** The value of a header. A request without it is not asked about. */
  | { readonly kind: "requestHeader"; readonly name: string; readonly key: string }
  /** `value`, if all headers match, or (with `expectMatch` false) if they do not. Otherwise nothing is asked. */
  | {
      readonly kind: "headerValueMatch";
      readonly key: string;
      readonly value: string;
      readonly headers: NonEmpty<HeaderMatcher>;
      readonly expectMatch: boolean;
    };

export type HeaderMatcher =
  /** The text is not empty; a regex is RE2 and matches the whole value. */
  | {
      readonly name: string;
      readonly kind: "exact" | "prefix" | "suffix" | "regex" | "contains";
      readonly text: string;
    }
  /** False: the header must not be there. */
  | { readonly name: string; readonly kind: "present"; readonly present: boolean };

const TESTS = ["exact", "prefix", "suffix", "regex", "contains"] as const;

const Header = v.pipe(
  fieldsOf({
    name: ReadHeaderName,
    exact: v.nullish(NameText),
    prefix: v.nullish(NameText),
    suffix: v.nullish(NameText),
    regex: v.nullish(Pattern),
    contains: v.nullish(NameText),
    present: v.nullish(v.boolean("true or false")),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }): HeaderMatcher => {
    const { name, present, ...texts } = dataset.value;
    const [first, ...more] = [
      ...TESTS.flatMap((kind): readonly HeaderMatcher[] => {
        const text = texts[kind];
        return text == null ? [] : [{ name, kind, text }];
      }),
      ...(present == null ? [] : [{ name, kind: "present", present } as const]),
    ];
    if (first !== undefined && more.length === 0) return first;
    addIssue({ message: `a header with exactly one of ${TESTS.join(", ")}, present` });
    return NEVER;
  }),
);

const Entry = v.pipe(
  fieldsOf({
    genericKey: v.nullish(fieldsOf({ value: NameText, key: filled(NameText, "generic_key") })),
    remoteAddress: v.nullish(fieldsOf({})),
    requestHeader: v.nullish(fieldsOf({ name: ReadHeaderName, key: NameText })),
    headerValueMatch: v.nullish(
      fieldsOf({
        value: NameText,
        headers: someOf(Header, "headers"),
        key: filled(NameText, "header_match"),
        expectMatch: v.nullish(Flag, true),
      }),
    ),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }): DescriptorEntry => {
    const { genericKey, remoteAddress, requestHeader, headerValueMatch } = dataset.value;
    const [first, ...more]: readonly DescriptorEntry[] = [
      ...(genericKey == null ? [] : [{ kind: "genericKey", ...genericKey } as const]),
      ...(remoteAddress == null ? [] : [{ kind: "remoteAddress" } as const]),
      ...(requestHeader == null ? [] : [{ kind: "requestHeader", ...requestHeader } as const]),
      ...(headerValueMatch == null ? [] : [{ kind: "headerValueMatch", ...headerValueMatch } as const]),
    ];
    if (first !== undefined && more.length === 0) return first;
    addIssue({ message: "exactly one of genericKey, remoteAddress, requestHeader, headerValueMatch" });
    return NEVER;
  }),
);

/** Absent is empty. */
export const GlobalDescriptors = listOf(fieldsOf({ entries: someOf(Entry, "entries") }));
