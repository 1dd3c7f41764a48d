/**
 * Rendering remembered by the parts of the IR that it is a function of.
 *
 * @module
 */
import { memoByObject } from "../base/memo.ts";

/** Remembers what `compute` gave for two objects, for as long as both live. */
export function memoByPair<A extends object, B extends object, V>(compute: (a: A, b: B) => V): (a: A, b: B) => V {
  const byFirst = memoByObject((a: A) => memoByObject((b: B) => compute(a, b)));
  return (a, b) => byFirst(a)(b);
}

/** So for three. */
export function memoByTriple<A extends object, B extends object, C extends object, V>(
  compute: (a: A, b: B, c: C) => V,
): (a: A, b: B, c: C) => V {
  const byFirst = memoByObject((a: A) => memoByPair((b: B, c: C) => compute(a, b, c)));
  return (a, b, c) => byFirst(a)(b, c);
}
