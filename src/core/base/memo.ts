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
    if (hit !== undefined && hit.args.length === args.length && hit.args.every((arg, i) => arg === args[i]))
      return hit.value;
    const value = compute(...args);
    last = { args, value };
    return value;
  };
}

/**
 * One value for each list of the same objects, whoever asks. What was not asked for since the last but one `turn` is
 * forgotten.
 */
export class ListSharing {
  readonly #values = new TwoTurns();
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

/** Gives equal plain values one frozen identity, with the same memory of two turns. */
export class Interner {
  readonly #values = new TwoTurns();
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

/** A map that forgets what nobody asked for during two turns. */
class TwoTurns {
  #young = new Map<string, object>();
  #old = new Map<string, object>();

  recall<T extends object>(key: string, build: () => T): T {
    // Keys name the kind of value that they stand for, so what was kept is a T.
    const value = (this.#young.get(key) ?? this.#old.get(key) ?? build()) as T;
    this.#young.set(key, value);
    return value;
  }

  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
