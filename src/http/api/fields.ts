/**
 * Fields that several answers have.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";

export const Timestamp = v.pipe(v.string(), v.isoTimestamp(), v.description("RFC 3339, in UTC"));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

export function toTimestamp(at: Millis): string {
  return new Date(at).toISOString();
}

/** A list, in an object so that fields can be added beside it. */
export function listOf<const S extends v.GenericSchema>(item: S) {
  return v.object({ items: v.array(item) });
}
