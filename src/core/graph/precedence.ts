/**
 * Which of several objects that claim the same thing is in force: the oldest, then the first by name. The same rule for
 * all kinds.
 *
 * @module
 */
import { compareNames } from "../base/ref.ts";
import type { Meta } from "../model/meta.ts";

interface Claimant {
  readonly meta: Pick<Meta, "createdAt" | "namespace" | "name">;
}

/** For `sort`: the one in force comes first. */
export function oldestFirst(a: Claimant, b: Claimant): number {
  return a.meta.createdAt - b.meta.createdAt || compareNames(a.meta, b.meta);
}
