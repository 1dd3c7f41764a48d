/**
 * How the questions to a rate limit service are written.
 *
 * @module
 */
import * as v from "valibot";
import type { DescriptorEntry, HeaderCondition } from "../base/rate-limit-descriptor.ts";
import { Flag, fieldsOf, filled, listOf, NameText, someOf } from "./fields.ts";
import { ReadHeaderName } from "./header.ts";
import { Pattern } from "./regex.ts";

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
  v.rawTransform(({ dataset, addIssue, NEVER }): HeaderCondition => {
    const { name, present, ...texts } = dataset.value;
    const [first, ...more] = [
      ...TESTS.flatMap((kind): readonly HeaderCondition[] => {
        const value = texts[kind];
        return value == null ? [] : [{ name, is: { kind, value } }];
      }),
      ...(present == null ? [] : [{ name, is: { kind: "present", present } as const }]),
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
      ...(genericKey == null ? [] : [{ kind: "generic-key", ...genericKey } as const]),
      ...(remoteAddress == null ? [] : [{ kind: "remote-address" } as const]),
      ...(requestHeader == null ? [] : [toHeaderEntry(requestHeader)]),
      ...(headerValueMatch == null ? [] : [{ kind: "header-value-match", ...headerValueMatch } as const]),
    ];
    if (first !== undefined && more.length === 0) return first;
    addIssue({ message: "exactly one of genericKey, remoteAddress, requestHeader, headerValueMatch" });
    return NEVER;
  }),
);

function toHeaderEntry({ name, key }: { readonly name: string; readonly key: string }): DescriptorEntry {
  return { kind: "request-header", header: name, key };
}

/** Written as an object with a list in it; nothing else belongs to it, so the list is what is read. */
function descriptorOf<S extends v.GenericSchema>(entry: S) {
  return v.pipe(
    fieldsOf({ entries: someOf(entry, "entries") }),
    v.transform(({ entries }) => entries),
  );
}

/** At least one. */
export const ConnectionDescriptors = someOf(descriptorOf(fieldsOf({ key: NameText, value: NameText })), "descriptors");
/** Absent is empty. */
export const RequestDescriptors = listOf(descriptorOf(Entry));
