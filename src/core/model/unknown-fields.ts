/**
 * Fields that a schema does not have. valibot's own strict objects report the first one only.
 *
 * @module
 */
import { isRecord } from "./fields.ts";
import type { Path } from "./issues.ts";

/** Paths of all fields of `value` that `schema` knows nothing of, at any depth. */
export function unknownFields(schema: unknown, value: unknown, path: Path = []): readonly Path[] {
  return partsOf(schema).flatMap((part) => {
    if (isRecord(part["entries"]) && isRecord(value)) return unknownKeys(part["entries"], value, path);
    if (isRecord(part["item"]) && Array.isArray(value)) {
      return value.flatMap((one, i) => unknownFields(part["item"], one, [...path, i]));
    }
    return isRecord(part["wrapped"]) ? unknownFields(part["wrapped"], value, path) : [];
  });
}

// A pipe carries the properties of its first schema; the others are in its list only.
function partsOf(schema: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!isRecord(schema)) return [];
  return Array.isArray(schema["pipe"]) ? schema["pipe"].flatMap((part) => partsOf(part)) : [schema];
}

function unknownKeys(
  entries: Readonly<Record<string, unknown>>,
  value: Readonly<Record<string, unknown>>,
  path: Path,
): readonly Path[] {
  return Object.keys(value).flatMap((key) =>
    Object.hasOwn(entries, key) ? unknownFields(entries[key], value[key], [...path, key]) : [[...path, key]],
  );
}
