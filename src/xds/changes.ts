/**
 * What differs between two groups, and groups made from groups: computed once for all streams that share them.
 *
 * The engine hands the same group to every proxy that sees the same thing, so 500 streams that move from one group to
 * the next ask the same question. The answers live as long as the groups do.
 *
 * @module
 */
import { groupOf, type Resource, type ResourceGroup } from "./resource.ts";

const CHANGES = new WeakMap<ResourceGroup, WeakMap<ResourceGroup, readonly string[]>>();
const UNIONS = new WeakMap<ResourceGroup, WeakMap<ResourceGroup, ResourceGroup>>();
const SELECTIONS = new WeakMap<ResourceGroup, Map<string, ResourceGroup>>();

function remembered<V>(
  memo: WeakMap<ResourceGroup, WeakMap<ResourceGroup, V>>,
  from: ResourceGroup,
  to: ResourceGroup,
  make: () => V,
): V {
  const inner = memo.get(from) ?? new WeakMap<ResourceGroup, V>();
  memo.set(from, inner);
  const known = inner.get(to);
  if (known !== undefined) return known;
  const made = make();
  inner.set(to, made);
  return made;
}

/** Names that were added, removed or have another version. */
export function changedNames(from: ResourceGroup, to: ResourceGroup): readonly string[] {
  if (from === to || from.version === to.version) return [];
  return remembered(CHANGES, from, to, () => [
    ...[...to.byName.values()]
      .filter((one) => from.byName.get(one.name)?.version !== one.version)
      .map((one) => one.name),
    ...[...from.byName.keys()].filter((name) => !to.byName.has(name)),
  ]);
}

/** `to`, and what only `from` has. `to` itself if that is nothing. */
export function unionOf(from: ResourceGroup, to: ResourceGroup): ResourceGroup {
  if (from === to || from.version === to.version) return to;
  return remembered(UNIONS, from, to, () => {
    const kept = [...from.byName.values()].filter((one) => !to.byName.has(one.name));
    return kept.length === 0 ? to : groupOf(to.kind, [...to.byName.values(), ...kept]);
  });
}

/** The names that a state-of-the-world client asked for. */
export interface Selection {
  readonly wildcard: boolean;
  /** The wildcard was meant by an empty list, not asked for by "*". */
  readonly legacy: boolean;
  readonly names: ReadonlySet<string>;
  /** Equal for equal selections, so that proxies which ask for the same share one group. */
  readonly key: string;
}

export function selectionOf(wildcard: boolean, names: Iterable<string>): Selection {
  const sorted = [...new Set(names)].sort();
  return { wildcard, legacy: false, names: new Set(sorted), key: wildcard ? "*" : sorted.join("\0") };
}

/** The part of a group that was asked for. Its version covers that part only. */
export function select(group: ResourceGroup, { wildcard, names, key }: Selection): ResourceGroup {
  if (wildcard) return group;
  const inner = SELECTIONS.get(group) ?? new Map<string, ResourceGroup>();
  SELECTIONS.set(group, inner);
  const known = inner.get(key);
  if (known !== undefined) return known;
  const found = [...names].map((name) => group.byName.get(name)).filter((one): one is Resource => one !== undefined);
  const made = found.length === group.byName.size ? group : groupOf(group.kind, found);
  // A name that is missing is part of the key but not of the content, so a client that asks for ever new names could
  // fill the memo of a long-lived group.
  if (inner.size < MAX_SELECTIONS) inner.set(key, made);
  return made;
}

const MAX_SELECTIONS = 64;
