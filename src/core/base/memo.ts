/**
 * Sharing of equal values, so that "did it change?" is a comparison of references.
 *
 * Every stage after parsing returns the same frozen object for the same inputs. Rendering is memoised by such objects,
 * which makes a compile cost its distinct parts (design 6).
 *
 * @module
 */

/** Remembers what `compute` gave for an object, for as long as the object lives. */
export function memoByObject<K extends object, V>(compute: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    const hit = known.get(key);
    if (hit !== undefined) return hit.value;
    const value = compute(key);
    known.set(key, { value });
    return value;
  };
}

/** Remembers the last call alone; compares arguments by reference. */
export function memoLast<A extends readonly unknown[], V>(compute: (...args: A) => V): (...args: A) => V {
  let last: { readonly args: A; readonly value: V } | undefined;
  return (...args) => {
    const hit = last;
    if (hit !== undefined && sameItems(hit.args, args)) return hit.value;
    const value = compute(...args);
    last = { args, value };
    return value;
  };
}

/**
 * Remembers what was last made for an object, and of which parts: while these are the same objects, in the same order,
 * it is not made anew.
 *
 * `make` is given what there was, so that it can keep what turns out to be equal.
 */
export function memoByParts<K extends object, V>(): (
  key: K,
  parts: readonly unknown[],
  make: (last: V | undefined) => V,
) => V {
  const known = new WeakMap<K, { readonly parts: readonly unknown[]; readonly value: V }>();
  return (key, parts, make) => {
    const last = known.get(key);
    if (last !== undefined && sameItems(last.parts, parts)) return last.value;
    const value = make(last?.value);
    known.set(key, { parts, value });
    return value;
  };
}

/** One value for each list of the same objects, whoever asks, for as long as somebody holds it. */
export class ListSharing {
  readonly #values = new WeakValues();
  readonly #ids = new WeakMap<object, number>();
  #nextId = 1;

  /** Lists are equal if their items are the same objects in the same order, and their labels are equal. */
  share<T extends object>(label: string, items: readonly object[], build: () => T): T {
    return this.#values.recall(`${label}#${items.map((item) => this.#idOf(item)).join(",")}`, build);
  }

  turn(): void {
    this.#values.turn();
  }

  #idOf(item: object): number {
    const known = this.#ids.get(item);
    if (known !== undefined) return known;
    this.#ids.set(item, this.#nextId);
    return this.#nextId++;
  }
}

/** Gives equal plain values one frozen identity, for as long as somebody holds it. */
export class Interner {
  readonly #values = new WeakValues();
  readonly #lists = new ListSharing();

  /** Shares a small JSON value. Equal values must have their fields in one order, which their builders see to. */
  share<T extends object>(value: T): T {
    return this.#values.recall(JSON.stringify(value), () => deepFreeze(value));
  }

  /** Shares a value made of parts that are shared already: compares the parts by reference, `label` by value. */
  shareParts<T extends object>(label: string, parts: readonly object[], build: () => T): T {
    return this.#lists.share(label, parts, () => deepFreeze(build()));
  }

  turn(): void {
    this.#values.turn();
    this.#lists.turn();
  }
}

/**
 * A map whose values live as long as somebody else holds them: a value that is still in use is always found, so equal
 * values never have two identities.
 */
class WeakValues {
  readonly #values = new Map<string, WeakRef<object>>();
  #sweepAt = SWEEP;

  recall<T extends object>(key: string, build: () => T): T {
    // Keys name the kind of value that they stand for, so what was kept is a T.
    const kept = this.#values.get(key)?.deref() as T | undefined;
    if (kept !== undefined) return kept;
    const value = build();
    this.#values.set(key, new WeakRef(value));
    return value;
  }

  /** Drops the keys of values that are gone, once there may be as many as of living ones. */
  turn(): void {
    if (this.#values.size < this.#sweepAt) return;
    for (const [key, value] of this.#values) if (value.deref() === undefined) this.#values.delete(key);
    this.#sweepAt = Math.max(SWEEP, 2 * this.#values.size);
  }
}

/** Fewer keys than this are not worth a look. */
const SWEEP = 4096;

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
