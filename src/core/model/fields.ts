/**
 * Schemas of fields that many kinds have. `null` is the same as absent everywhere, as it is to Kubernetes.
 *
 * @module
 */
import * as v from "valibot";
import { type Millis, parseDuration } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import { compareText } from "../base/ref.ts";

const NAME_LENGTH = 253;
const LABEL_LENGTH = 63;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

// A half of a surrogate pair cannot be written to a protobuf message.
export const AnyText = v.pipe(
  v.string("a text"),
  v.check((text) => text.isWellFormed(), "a text of valid Unicode"),
);
/** Absent is "". */
export const Text = v.nullish(AnyText, "");
/** A reference to something by its name. */
export const NameText = v.pipe(AnyText, v.nonEmpty("a name, not empty"));
/** Absent is false. */
export const Flag = v.nullish(v.boolean("true or false"), false);
export const Port = v.custom<number>(isPort, "a port from 1 to 65535");

/** Names that Kubernetes gives to most kinds (RFC 1123 subdomain). */
export const SubdomainName = v.pipe(
  AnyText,
  v.check(isSubdomain, "a name of lower case letters, digits, '-' and '.', at most 253 long"),
);
/** Names that are one part of a host name (RFC 1123 label): namespaces and Services. */
export const LabelName = v.pipe(
  AnyText,
  v.check(isLabel, "a name of lower case letters, digits and '-', at most 63 long"),
);

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isPort(value: unknown): value is number {
  return isWhole(value) && value >= 1 && value <= 65_535;
}

export function isLabel(name: string): boolean {
  return name.length <= LABEL_LENGTH && LABEL.test(name);
}

function isSubdomain(name: string): boolean {
  return name.length <= NAME_LENGTH && name.split(".").every((part) => LABEL.test(part));
}

/** An object with these fields. Others are dropped; a list is no object. */
export function fieldsOf<const E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(isRecord, "an object"),
    v.object<E, string>(entries, "an object"),
  );
}

/** Absent is empty. */
export function listOf<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item, "a list"), []);
}

/** A list that has something in it. */
export function someOf<const S extends v.GenericSchema>(item: S, what: string) {
  return v.pipe(
    v.array(item, `a list of ${what}`),
    v.rawTransform(({ dataset, addIssue, NEVER }): NonEmpty<v.InferOutput<S>> => {
      const [first, ...more] = dataset.value;
      if (first !== undefined) return [first, ...more];
      addIssue({ message: `a list of ${what}, at least one` });
      return NEVER;
    }),
  );
}

/** Absent is the default, and so is the empty text or zero: to Go they are one. */
export function filled<S extends v.GenericSchema>(schema: S, fallback: v.InferInput<S> & (string | number)) {
  const zero = typeof fallback === "string" ? "" : 0;
  return v.pipe(
    v.nullish(v.unknown(), fallback),
    v.transform((value) => (value === zero ? fallback : value)),
    schema,
  );
}

/** A whole number of at least `least`. */
export function wholeFrom(least: number) {
  return v.custom<number>((value) => isWhole(value) && value >= least, `a whole number of ${least} or more`);
}

/** A whole number, both ends included. */
export function wholeBetween(least: number, most: number) {
  return v.custom<number>(
    (value) => isWhole(value) && value >= least && value <= most,
    `a whole number from ${least} to ${most}`,
  );
}

/** A span in Kubernetes' spelling; milliseconds out. */
export const Duration = durationThat(() => true, 'a duration such as "24h" or "1m30s"');

export function durationThat(fits: (span: Millis) => boolean, expected: string) {
  return v.pipe(
    AnyText,
    v.rawTransform(({ dataset, addIssue, NEVER }): Millis => {
      const span = parseDuration(dataset.value);
      if (span !== undefined && span >= 0 && fits(span)) return span;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
}

/** A map of texts by key, sorted by key. `__proto__` is a key like any other. */
export function mapOf<S extends v.GenericSchema<unknown, string>>(value: S, key: v.GenericSchema = v.string()) {
  return v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(isRecord, "a map"),
    v.rawTransform(({ dataset, addIssue }): Readonly<Record<string, string>> => {
      const input = dataset.value;
      const pairs = Object.keys(input)
        .sort(compareText)
        .map((name): [string, string] => {
          const step = { type: "unknown", origin: "value", input, key: name, value: input[name] } as const;
          const one = v.safeParse(value, input[name]);
          for (const { message } of v.safeParse(key, name).issues ?? [])
            addIssue({ message, input: name, path: [step] });
          for (const { message } of one.issues ?? []) addIssue({ message, input: input[name], path: [step] });
          return [name, one.success ? one.output : ""];
        });
      return Object.fromEntries(pairs);
    }),
  );
}

/** Absent is empty. */
export const TextMap = v.nullish(mapOf(Text), {});
