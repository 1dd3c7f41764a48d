/**
 * JSON Patch (RFC 6902), as far as injection needs it.
 *
 * @module
 */
import { isRecord } from "../model/fields.ts";

export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export type JsonPatch = readonly PatchOperation[];

/** RFC 6901. */
export function pointer(...steps: readonly (string | number)[]): string {
  return steps.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Sets entries of a map, which may be absent or null. */
export function setEntries(
  path: string,
  existing: unknown,
  entries: Readonly<Record<string, string>>,
): readonly PatchOperation[] {
  const pairs = Object.entries(entries);
  if (pairs.length === 0) return [];
  if (!isRecord(existing)) return [{ op: "add", path, value: entries }];
  return pairs
    .filter(([key, value]) => existing[key] !== value)
    .map(([key, value]) => ({
      op: Object.hasOwn(existing, key) ? "replace" : "add",
      path: path + pointer(key),
      value,
    }));
}

/** Adds items to a list, which may be absent or null. */
export function addItems(
  path: string,
  existing: unknown,
  items: readonly unknown[],
  where: "first" | "last" = "last",
): readonly PatchOperation[] {
  if (items.length === 0) return [];
  if (!Array.isArray(existing)) return [{ op: "add", path, value: items }];
  return items.map((value, i) => ({ op: "add", path: `${path}/${where === "first" ? i : "-"}`, value }));
}
