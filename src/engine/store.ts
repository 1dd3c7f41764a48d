/**
 * The one place that objects are kept in: parsed, last accepted version of each, given out as frozen snapshots.
 *
 * @module
 */
import { type Finding, tidyFindings } from "../core/base/finding.ts";
import { keyOf, type ObjectRef, refText } from "../core/base/ref.ts";
import type { KindName, MeshObject } from "../core/model/object.ts";
import { refOf } from "../core/model/object.ts";
import { parseObject } from "../core/model/parse.ts";
import { emptySnapshot, type Snapshot } from "../core/model/snapshot.ts";
import type { ObjectSink } from "./ports.ts";

export interface ObjectStore extends ObjectSink {
  /** The same value until something changes. */
  snapshot(): Snapshot;
  /** What parsing had to say of the objects as they were last written, accepted or not. */
  findings(): readonly Finding[];
}

/** @param onChange - Called after each change of the snapshot or the findings, never for an object told again unchanged. */
export function createStore(onChange: () => void): ObjectStore {
  const objects = new Map<KindName, Map<string, MeshObject>>();
  const complaints = new Map<string, readonly Finding[]>();
  const dirty = new Set<KindName>();
  let current = emptySnapshot();

  function changed(kind: KindName): void {
    dirty.add(kind);
    onChange();
  }

  return {
    apply(raw) {
      const parsed = parseObject(raw);
      if (parsed === undefined) return [];
      const about = parsed.ok ? refText(refOf(parsed.value)) : parsed.findings.map((one) => refText(one.about))[0];
      const judged = about !== undefined && complain(complaints, about, parsed.findings);
      if (parsed.ok && keep(objects, parsed.value)) changed(parsed.value.kind);
      else if (judged) onChange();
      return parsed.findings;
    },
    remove(ref) {
      const judged = complain(complaints, refText(ref), []);
      const kind = kindNamed(ref);
      if (kind !== undefined && objects.get(kind)?.delete(keyOf(ref))) changed(kind);
      else if (judged) onChange();
    },
    synced: onChange,
    snapshot() {
      if (dirty.size === 0) return current;
      current = renewed(current, objects, dirty);
      dirty.clear();
      return current;
    },
    findings: () => tidyFindings([...complaints.values()].flat()),
  };
}

/** @returns false if that is what was said before. */
function complain(complaints: Map<string, readonly Finding[]>, about: string, findings: readonly Finding[]): boolean {
  const before = complaints.get(about) ?? [];
  if (findings.length === 0) complaints.delete(about);
  else complaints.set(about, findings);
  return JSON.stringify(before) !== JSON.stringify(findings);
}

/** @returns false if the object was there already, word for word. */
function keep(objects: Map<KindName, Map<string, MeshObject>>, value: MeshObject): boolean {
  const sameKind = objects.get(value.kind) ?? new Map<string, MeshObject>();
  objects.set(value.kind, sameKind);
  const key = keyOf(value.meta);
  const before = sameKind.get(key);
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(value)) return false;
  sameKind.set(key, value);
  return true;
}

/** Copies only the kinds that changed: stages compare the others by reference. */
function renewed(
  current: Snapshot,
  objects: ReadonlyMap<KindName, ReadonlyMap<string, MeshObject>>,
  dirty: ReadonlySet<KindName>,
): Snapshot {
  const copies = [...dirty].map((kind) => [kind, new Map(objects.get(kind))] as const);
  // Each map holds objects of its kind alone: `keep` files them by it.
  const renewedKinds = Object.fromEntries(copies) as unknown as Partial<Snapshot["objects"]>;
  return Object.freeze({ number: current.number + 1, objects: Object.freeze({ ...current.objects, ...renewedKinds }) });
}

function kindNamed({ kind }: ObjectRef): KindName | undefined {
  return Object.hasOwn(emptySnapshot().objects, kind) ? (kind as KindName) : undefined;
}
