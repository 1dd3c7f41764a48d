/**
 * Namespaces that IngressBackends name in their sources. Of those the addresses of Services are told, too, whether they
 * are of the mesh or not: gateways need not be.
 *
 * @module
 */
import { keyOf, type ObjectRef } from "../../core/base/ref.ts";
import { isRecord } from "../../core/model/fields.ts";

export interface NamedNamespaces {
  has(namespace: string): boolean;
  /** An object was told, or told anew. */
  note(raw: unknown): void;
  /** It is gone. */
  forget(ref: ObjectRef): void;
}

/** @param onChange - Told of each namespace that is named now, or no more. */
export function createNamedNamespaces(onChange: (namespace: string, named: boolean) => void): NamedNamespaces {
  const byObject = new Map<string, ReadonlySet<string>>();
  const isNamed = (namespace: string): boolean => [...byObject.values()].some((names) => names.has(namespace));

  function replace(key: string, names: ReadonlySet<string>): void {
    const before = byObject.get(key) ?? new Set<string>();
    const fresh = [...names].filter((name) => !isNamed(name));
    byObject.set(key, names);
    if (names.size === 0) byObject.delete(key);
    for (const name of fresh) onChange(name, true);
    for (const name of before) if (!isNamed(name)) onChange(name, false);
  }

  return {
    has: isNamed,
    note: (raw) => replace(keyOf(nameOf(raw)), sourceNamespaces(raw)),
    forget: (ref) => replace(keyOf(ref), new Set()),
  };
}

function nameOf(raw: unknown) {
  const { namespace, name } = isRecord(raw) && isRecord(raw["metadata"]) ? raw["metadata"] : {};
  return { namespace: String(namespace ?? ""), name: String(name ?? "") };
}

function sourceNamespaces(raw: unknown): ReadonlySet<string> {
  const spec = isRecord(raw) && isRecord(raw["spec"]) ? raw["spec"] : {};
  const sources: readonly unknown[] = Array.isArray(spec["sources"]) ? spec["sources"] : [];
  return new Set(
    sources.flatMap((source) => {
      if (!isRecord(source) || source["kind"] !== "Service") return [];
      return typeof source["namespace"] === "string" && source["namespace"] !== "" ? [source["namespace"]] : [];
    }),
  );
}
