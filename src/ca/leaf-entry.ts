/**
 * What the leaf store keeps of one identity, and when something is to be done about it.
 *
 * @module
 */
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Leaf } from "./leaf.ts";

export interface LeafEntry {
  readonly serviceAccount: ServiceAccountName;
  leaf: Leaf | undefined;
  /** When the leaf is to be replaced. */
  dueAt: Millis;
  /** No issue starts before. */
  retryAt: Millis;
  /** Since the last success. */
  failures: number;
  /** Leaves that this process has issued for the identity. */
  issues: number;
  lastError: unknown;
  underWay: Promise<Leaf> | undefined;
}

/** Of an identity that has no leaf yet. */
export function newEntry({ namespace, name }: ServiceAccountName, now: Millis): LeafEntry {
  return {
    serviceAccount: { namespace, name },
    leaf: undefined,
    dueAt: now,
    retryAt: now,
    failures: 0,
    issues: 0,
    lastError: undefined,
    underWay: undefined,
  };
}

/** @param issuerId - Of the root that new leaves lead to. */
export function isDue({ leaf, underWay, dueAt, retryAt }: LeafEntry, issuerId: string, now: Millis): boolean {
  if (underWay !== undefined || now < retryAt) return false;
  // Before `notBefore`: the clock was set back, and peers would not take the leaf yet.
  return leaf === undefined || now >= dueAt || now < leaf.notBefore || leaf.issuerId !== issuerId;
}

/** When to look at it again; infinite while an issue is under way, whose end looks by itself. */
export function nextLookAt({ leaf, underWay, dueAt, retryAt }: LeafEntry, issuerId: string): Millis {
  if (underWay !== undefined) return Number.POSITIVE_INFINITY;
  // The root may have changed while the leaf was under way.
  return leaf?.issuerId !== issuerId ? retryAt : Math.max(dueAt, retryAt);
}

/** Those without a leaf first. */
export function bySoonestEnd(a: LeafEntry, b: LeafEntry): number {
  return (a.leaf?.notAfter ?? 0) - (b.leaf?.notAfter ?? 0);
}
