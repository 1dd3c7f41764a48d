/**
 * Formats of access logs, in Envoy's language: a text or the fields of a JSON object.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, isRecord } from "./fields.ts";
import { logFault } from "./format-command.ts";

export type AccessLogFormat =
  /** A line without its end. */
  { readonly kind: "text"; readonly text: string } | { readonly kind: "json"; readonly fields: JsonFields };

export interface JsonFields {
  readonly [name: string]: JsonValue;
}
type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonFields;

/** The API's messages may not nest deeper than a hundred, and each level here is three of them. */
const DEEPEST = 16;

/** A JSON object if it can be read as one; otherwise a text. Empty is undefined: the default. */
export const LogFormat = v.pipe(
  AnyText,
  v.rawTransform(({ dataset, addIssue, NEVER }): AccessLogFormat | undefined => {
    const format = toFormat(dataset.value);
    const fault = format?.kind === "json" ? valueFault(format.fields, 1) : logFault(dataset.value);
    if (fault === undefined) return format;
    addIssue({ message: `a format of Envoy's (${fault})` });
    return NEVER;
  }),
);

function toFormat(text: string): AccessLogFormat | undefined {
  const fields = parseFields(text);
  if (fields !== undefined) return { kind: "json", fields };
  return text === "" ? undefined : { kind: "text", text };
}

function parseFields(text: string): JsonFields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// Whatever `JSON.parse` gives is of these types.
function isFields(value: unknown): value is JsonFields {
  return isRecord(value);
}

function valueFault(value: JsonValue, depth: number): string | undefined {
  if (typeof value === "string") return value.isWellFormed() ? logFault(value) : "a text is no valid Unicode";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > DEEPEST) return `nested deeper than ${DEEPEST} levels`;
  for (const [key, part] of Object.entries(value)) {
    const fault = key.isWellFormed() ? valueFault(part, depth + 1) : "a key is no valid Unicode";
    if (fault !== undefined) return fault;
  }
  return undefined;
}
