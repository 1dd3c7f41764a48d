/**
 * The constraints of `validate.rules`, each as a predicate by its name in `validate.proto`.
 *
 * @module
 */
import { isReflectList, isReflectMap } from "@bufbuild/protobuf/reflect";
import { KnownRegex } from "../../gen/validate/validate_pb.ts";

/** The rules of one field that are set: `string`, with `min_len` and so on. */
export interface RuleGroup {
  readonly name: string;
  readonly constraints: ReadonlyMap<string, unknown>;
  /** The numbers of an enum. */
  readonly members?: readonly number[];
}

/** Does the value keep to the bound? */
type Check<V> = (value: V, bound: unknown) => boolean;
type Checks<V> = Readonly<Record<string, Check<V>>>;

const ORDERED_CHECKS: Checks<number | bigint> = {
  const: (value, bound) => value === bound,
  lt: (value, bound) => value < ordered(bound),
  lte: (value, bound) => value <= ordered(bound),
  gt: (value, bound) => value > ordered(bound),
  gte: (value, bound) => value >= ordered(bound),
  in: (value, bound) => listed(bound).includes(value),
  not_in: (value, bound) => !listed(bound).includes(value),
};

const BOOL_CHECKS: Checks<boolean> = { const: (value, bound) => value === bound };

/** Lengths count code points; `bytes` counts UTF-8. */
const STRING_CHECKS: Checks<string> = {
  const: (value, bound) => value === bound,
  len: (value, bound) => [...value].length === Number(bound),
  min_len: (value, bound) => [...value].length >= Number(bound),
  max_len: (value, bound) => [...value].length <= Number(bound),
  len_bytes: (value, bound) => bytesOf(value) === Number(bound),
  min_bytes: (value, bound) => bytesOf(value) >= Number(bound),
  max_bytes: (value, bound) => bytesOf(value) <= Number(bound),
  pattern: (value, bound) => new RegExp(String(bound), "u").test(value),
  prefix: (value, bound) => value.startsWith(String(bound)),
  suffix: (value, bound) => value.endsWith(String(bound)),
  contains: (value, bound) => value.includes(String(bound)),
  not_contains: (value, bound) => !value.includes(String(bound)),
  in: (value, bound) => listed(bound).includes(value),
  not_in: (value, bound) => !listed(bound).includes(value),
};

const BYTES_CHECKS: Checks<Uint8Array> = {
  len: (value, bound) => value.length === Number(bound),
  min_len: (value, bound) => value.length >= Number(bound),
  max_len: (value, bound) => value.length <= Number(bound),
};

const LIST_CHECKS: Checks<readonly unknown[]> = {
  min_items: (value, bound) => value.length >= Number(bound),
  max_items: (value, bound) => value.length <= Number(bound),
  unique: (value, bound) => bound !== true || new Set(value).size === value.length,
};

const MAP_CHECKS: Checks<{ readonly size: number }> = {
  min_pairs: (value, bound) => value.size >= Number(bound),
  max_pairs: (value, bound) => value.size <= Number(bound),
};

/** Text that may stand in an HTTP header. `strict: false` leaves out only what would end the line. */
function isHeaderText(value: string, which: KnownRegex, strict: boolean): boolean {
  const codes = [...value].map((character) => character.codePointAt(0) ?? 0);
  if (!strict) return codes.every((code) => code !== 0 && code !== 0x0a && code !== 0x0d);
  switch (which) {
    case KnownRegex.HTTP_HEADER_NAME:
      return /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(value);
    case KnownRegex.HTTP_HEADER_VALUE:
    case KnownRegex.UNKNOWN:
      return codes.every((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));
  }
}

function ordered(bound: unknown): number | bigint {
  if (typeof bound === "number" || typeof bound === "bigint") return bound;
  throw new TypeError(`bound ${String(bound)} of a field rule is no number`);
}

function listed(bound: unknown): readonly unknown[] {
  if (typeof bound === "object" && bound !== null && Symbol.iterator in bound) return [...(bound as Iterable<unknown>)];
  throw new TypeError(`bound ${String(bound)} of a field rule is no list`);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Say how another rule is meant, or are looked at elsewhere. */
const MODIFIERS: ReadonlySet<string> = new Set([
  "string.strict",
  "string.ignore_empty",
  "any.required",
  "duration.required",
]);

/**
 * Does the value keep to one rule of its group?
 *
 * @throws Error for a rule that is not known here, or a value that is not of the rule's kind.
 */
export function checkConstraint(group: RuleGroup, name: string, bound: unknown, value: unknown): boolean {
  if (MODIFIERS.has(`${group.name}.${name}`)) return true;
  if (typeof value === "string") return checkString(group, name, bound, value);
  if (typeof value === "boolean") return known(BOOL_CHECKS, group, name)(value, bound);
  if (typeof value === "number" && name === "defined_only")
    return bound !== true || (group.members ?? []).includes(value);
  if (typeof value === "number" || typeof value === "bigint") return known(ORDERED_CHECKS, group, name)(value, bound);
  if (value instanceof Uint8Array) return known(BYTES_CHECKS, group, name)(value, bound);
  if (isReflectMap(value)) return known(MAP_CHECKS, group, name)(value, bound);
  if (isReflectList(value)) return known(LIST_CHECKS, group, name)([...value], bound);
  throw new TypeError(`field rule ${group.name}.${name} stands on a value of an unknown kind`);
}

function checkString(group: RuleGroup, name: string, bound: unknown, value: string): boolean {
  if (value === "" && group.constraints.get("ignore_empty") === true) return true;
  if (name !== "well_known_regex") return known(STRING_CHECKS, group, name)(value, bound);
  const which = bound === KnownRegex.HTTP_HEADER_NAME ? KnownRegex.HTTP_HEADER_NAME : KnownRegex.HTTP_HEADER_VALUE;
  return isHeaderText(value, which, group.constraints.get("strict") !== false);
}

function known<V>(checks: Checks<V>, group: RuleGroup, name: string): Check<V> {
  const check = checks[name];
  if (check === undefined) throw new Error(`field rule ${group.name}.${name} is not known to this checker: teach it`);
  return check;
}
