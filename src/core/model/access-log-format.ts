/**
 * Formats of access logs, in Envoy's language: a text or the fields of a JSON object.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, isRecord } from "./fields.ts";

export type AccessLogFormat =
  /** A line without its end. */
  { readonly kind: "text"; readonly text: string } | { readonly kind: "json"; readonly fields: JsonFields };

export interface JsonFields {
  readonly [name: string]: JsonValue;
}
type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonFields;

/** A JSON object if it can be read as one; otherwise a text. Empty is undefined: the default. */
export const LogFormat = v.pipe(AnyText, v.transform(toFormat));

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

function isFields(value: unknown): value is JsonFields {
  return isRecord(value);
}
