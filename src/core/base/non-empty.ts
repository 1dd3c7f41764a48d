/**
 * Lists that have something in them.
 *
 * @module
 */

/** A list that the type checker knows is not empty: an empty list is never "any". */
export type NonEmpty<T> = readonly [T, ...T[]];
