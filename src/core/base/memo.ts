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
 * Gives equal values one identity.
 *
 * Two generations are kept: what was not asked for since the last but one `turn` is forgotten.
 */
export class Interner {
  #young = new Map<string, object>();
  #old = new Map<string, object>();
  #ids = new WeakMap<object, number>();
  #nextId = 1;

  /** Shares a small JSON value. Equal values must have their fields in one order, which their builders see to. */
  share<T extends object>(value: T): T {
    return this.#keep(JSON.stringify(value), value);
  }

  /** Shares a value made of parts that are shared already: compares the parts by reference, `label` by value. */
  shareParts<T extends object>(label: string, parts: readonly object[], build: () => T): T {
    const key = `${label}#${parts.map((part) => this.#idOf(part)).join(",")}`;
    return (this.#touch(key) as T | undefined) ?? this.#keep(key, build());
  }

  /** Marks the end of a compile. */
  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  #touch(key: string): object | undefined {
    const hit = this.#young.get(key) ?? this.#old.get(key);
    if (hit !== undefined) this.#young.set(key, hit);
    return hit;
  }

  #keep<T extends object>(key: string, value: T): T {
    const hit = this.#touch(key);
    if (hit !== undefined) return hit as T;
    const frozen = deepFreeze(value);
    this.#young.set(key, frozen);
    return frozen;
  }

  #idOf(part: object): number {
    const known = this.#ids.get(part);
    if (known !== undefined) return known;
    this.#ids.set(part, this.#nextId);
    return this.#nextId++;
  }
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
