/**
 * Holds messages to the field rules in Envoy's protos, which survive generation as options: what Go gets from `Validate()`.
 *
 * @module
 */
import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type MessageShape,
  type Registry,
} from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema, anyUnpack, FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { disabled, type FieldRules, FieldRulesSchema, required, rules } from "../../gen/validate/validate_pb.ts";
import { checkConstraint, type RuleGroup } from "./rule-checks.ts";

/**
 * Every rule that the message, or a message inside it, breaks: `path: what is wrong`.
 *
 * @param packed - What may stand in an `Any`; anything else in one is a violation, since nobody could look inside.
 * @throws Error for a rule that this checker does not know: silence would look like a pass.
 */
export function fieldRuleViolations<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  packed: Registry,
): readonly string[] {
  const found: string[] = [];
  walk(reflect(schema, message), { path: schema.name, packed, found });
  return found;
}

interface Walk {
  readonly path: string;
  readonly packed: Registry;
  readonly found: string[];
}

function walk(message: ReflectMessage, at: Walk): void {
  if (hasOption(message.desc, disabled) && getOption(message.desc, disabled)) return;
  if (message.desc.typeName === AnySchema.typeName) walkPacked(message, at);
  else walkPlain(message, at);
}

function walkPlain(message: ReflectMessage, at: Walk): void {
  for (const oneof of message.oneofs) {
    const mustHave = hasOption(oneof, required) && getOption(oneof, required);
    if (mustHave && message.oneofCase(oneof) === undefined)
      at.found.push(`${at.path}.${oneof.name}: one of its fields is required`);
  }
  for (const field of message.fields) walkField(message, field, { ...at, path: `${at.path}.${field.name}` });
}

function walkPacked(message: ReflectMessage, at: Walk): void {
  const any = toAny(message);
  const inside = anyUnpack(any, at.packed);
  const schema = inside === undefined ? undefined : at.packed.getMessage(inside.$typeName);
  if (inside === undefined || schema === undefined)
    at.found.push(`${at.path}: holds ${any.typeUrl || "nothing"}, which nobody can look into`);
  else walk(reflect(schema, inside), { ...at, path: `${at.path}[${schema.name}]` });
}

function toAny({ message }: ReflectMessage): Any {
  if (isAny(message)) return message;
  throw new TypeError(`${message.$typeName} is no Any`);
}

function isAny(message: { $typeName: string }): message is Any {
  return message.$typeName === AnySchema.typeName;
}

function walkField(message: ReflectMessage, field: DescField, at: Walk): void {
  const known = hasOption(field, rules) ? getOption(field, rules) : undefined;
  if (known !== undefined) checkField(message, field, known, at);
  if (!message.isSet(field) || known?.message?.skip === true) return;
  for (const [key, value] of valuesOf(message.get(field))) {
    if (isReflectMessage(value)) walk(value, { ...at, path: `${at.path}${key}` });
  }
}

/** The field's value, or the values in a list or map, each with how a path spells where it is. */
function valuesOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (isReflectList(value)) return [...value].map((item, i) => [`[${i}]`, item] as const);
  if (isReflectMap(value)) return [...value].map(([key, item]) => [`[${String(key)}]`, item] as const);
  return [["", value]];
}

function checkField(message: ReflectMessage, field: DescField, known: FieldRules, at: Walk): void {
  if (!applies(message, field)) {
    // A member of a choice is asked for only when it was chosen.
    if (field.oneof === undefined && demandsPresence(known)) at.found.push(`${at.path}: is required`);
    return;
  }
  checkValue(message.get(field), known, { ...at, members: membersOf(field) });
}

function membersOf(field: DescField): readonly number[] {
  return field.enum?.values.map(({ number }) => number) ?? [];
}

/** A field without presence always has a value, the zero one too. A list or map is always there, perhaps empty. */
function applies(message: ReflectMessage, field: DescField): boolean {
  if (field.fieldKind === "list" || field.fieldKind === "map") return true;
  return field.presence === FeatureSet_FieldPresence.IMPLICIT || message.isSet(field);
}

function demandsPresence({ message, type }: FieldRules): boolean {
  if (message?.required === true) return true;
  return (type.case === "any" || type.case === "duration" || type.case === "timestamp") && type.value.required;
}

type FieldWalk = Walk & { readonly members: readonly number[] };

function checkValue(value: unknown, known: FieldRules, at: FieldWalk): void {
  const group = groupOf(known, at.members);
  if (group === undefined) return;
  const checked = plain(value);
  for (const [name, bound] of group.constraints) {
    if (isNested(name)) checkNested(checked, name, bound, at);
    else if (!checkConstraint(group, name, bound, checked)) {
      at.found.push(`${at.path}: ${group.name}.${name} ${textOf(bound)} is not kept by ${textOf(checked)}`);
    }
  }
}

/** The rules that are set, by name. `enum` needs to know its members. */
function groupOf(known: FieldRules, members: readonly number[]): RuleGroup | undefined {
  const message = reflect(FieldRulesSchema, known);
  const chosen = message.oneofs.map((oneof) => message.oneofCase(oneof)).find((field) => field !== undefined);
  if (chosen === undefined) return undefined;
  const group: unknown = message.get(chosen);
  if (!isReflectMessage(group)) return undefined;
  const constraints = group.fields
    .filter((field) => group.isSet(field))
    .map((field) => [field.name, plain(group.get(field))] as const);
  return { name: chosen.name, constraints: new Map(constraints), members };
}

/** A wrapper stands for its value, a duration for its nanoseconds. */
function plain(message: unknown): unknown {
  if (!isReflectMessage(message)) return message;
  const field = (name: string): unknown => {
    const found = message.fields.find((one) => one.name === name);
    return found === undefined ? undefined : message.get(found);
  };
  if (message.desc.typeName === "google.protobuf.Duration") {
    return BigInt(String(field("seconds"))) * 1_000_000_000n + BigInt(String(field("nanos")));
  }
  return message.desc.file.name === "google/protobuf/wrappers" ? field("value") : message;
}

function isNested(name: string): boolean {
  return name === "items" || name === "keys" || name === "values";
}

function checkNested(value: unknown, name: string, bound: unknown, at: FieldWalk): void {
  if (!isReflectMessage(bound)) throw new TypeError(`rule ${name} holds no field rules`);
  const known = toRules(bound);
  const members =
    name === "keys" && isReflectMap(value) ? [...value.keys()].map((key) => ["[key]", key] as const) : valuesOf(value);
  for (const [key, member] of members) checkValue(member, known, { ...at, path: `${at.path}${key}` });
}

function toRules({ message }: ReflectMessage): FieldRules {
  if (isRules(message)) return message;
  throw new TypeError(`${message.$typeName} holds no field rules`);
}

function isRules(message: { $typeName: string }): message is FieldRules {
  return message.$typeName === FieldRulesSchema.typeName;
}

function textOf(value: unknown): string {
  if (isReflectList(value)) return `${value.size} items`;
  if (isReflectMap(value)) return `${value.size} pairs`;
  if (isReflectMessage(value)) return value.desc.name;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
}
