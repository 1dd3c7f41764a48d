/**
 * Leaves that proxies go on with although this process did not issue them: from before it started, or another replica's.
 *
 * All that is known of them is what proxies say. Of each identity the one that ends first counts.
 *
 * @module
 */
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { compareNames, keyOf } from "../core/base/ref.ts";
import { parseLeafVersion } from "./leaf.ts";

export interface AdoptedLeaf {
  readonly serviceAccount: ServiceAccountName;
  /** A guess: one life before its end. */
  readonly issuedAt: Millis;
  readonly notAfter: Millis;
  /** When the first of them is to be replaced; infinite if that is known of none. */
  readonly dueAt: Millis;
}

export interface AdoptedAt {
  readonly now: Millis;
  /** Of leaves. */
  readonly life: Millis;
  /** When it is to be replaced; undefined if it should have been. */
  readonly dueAt: Millis | undefined;
}

export class AdoptedLeaves {
  readonly #known = new Map<string, AdoptedLeaf>();

  /** @param version - What a proxy says that it holds. Anything else than a leaf's version is passed over. */
  note({ namespace, name }: ServiceAccountName, version: string, { now, life, dueAt }: AdoptedAt): void {
    const ends = parseLeafVersion(version)?.notAfter;
    if (ends === undefined) return;
    const key = keyOf({ namespace, name });
    const before = this.#known.get(key);
    const notAfter = Math.min(ends, before?.notAfter ?? ends);
    this.#known.set(key, {
      serviceAccount: { namespace, name },
      // Of a longer life, if that was changed since: it was issued before now all the same.
      issuedAt: Math.min(now, notAfter - life),
      notAfter,
      dueAt: Math.min(dueAt ?? Number.POSITIVE_INFINITY, before?.dueAt ?? Number.POSITIVE_INFINITY),
    });
  }

  dueAt(key: string): Millis {
    return this.#known.get(key)?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** They were replaced. */
  drop(key: string): void {
    this.#known.delete(key);
  }

  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** Sorted by service account. */
  all(): readonly AdoptedLeaf[] {
    return [...this.#known.values()].sort((a, b) => compareNames(a.serviceAccount, b.serviceAccount));
  }
}
