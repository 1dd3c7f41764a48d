/**
 * Names of Kubernetes objects, and the order that every list of them is kept in.
 *
 * @module
 */

/** One object: kind, namespace ("" for cluster-scoped kinds) and name. The API group is not part of it: no two kinds here share a name. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A namespaced thing whose kind is clear from where it stands. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`, the key of maps and the spelling in messages. */
export function keyOf({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

/** `Kind namespace/name`, as messages spell an object. */
export function refText({ kind, namespace, name }: ObjectRef): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Code-unit order: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareNames(a: NamespacedName, b: NamespacedName): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

export function compareRefs(a: ObjectRef, b: ObjectRef): number {
  return compareText(a.kind, b.kind) || compareNames(a, b);
}
