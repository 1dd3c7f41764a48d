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
