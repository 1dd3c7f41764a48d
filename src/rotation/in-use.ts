/**
 * Whether a root may be forgotten, as far as the record knows.
 *
 * @module
 */
import { type RootRef, type RotationRecord, RotationRefused, underWay } from "./record.ts";

/** A root by its name, or by the name of what its key is kept in. */
export interface RootName {
  readonly name: string;
  readonly store?: string | undefined;
}

/** @throws RotationRefused if the record names it: proxies trust it, or will have to go back to it. */
export function refuseIfInUse(record: RotationRecord, wanted: RootName): void {
  const roots = record.phase === "steady" ? [record.root] : [record.from, record.to];
  const used = roots.find((root) => isSame(root, wanted));
  if (used === undefined) return;
  if (record.phase === "steady")
    throw new RotationRefused(`${wanted.name} is the mesh's root: rotate to another one first`);
  throw new RotationRefused(`${wanted.name} is in use: ${underWay(record)}: wait for its end`);
}

function isSame({ name, source }: RootRef, wanted: RootName): boolean {
  return name === wanted.name || (source.kind === "builtin" && source.store === wanted.store);
}
