/**
 * Values that must not be printed: private keys, tokens.
 *
 * @module
 */
const HIDDEN = "[redacted]";

/** Holds a value that no log, JSON or inspection shows. `reveal()` is meant to be rare and easy to find. */
export class Redacted<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toJSON(): string {
    return HIDDEN;
  }

  toString(): string {
    return HIDDEN;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return HIDDEN;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return HIDDEN;
  }
}
