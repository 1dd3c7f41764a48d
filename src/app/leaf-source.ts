/**
 * The CA's leaves as the engine wants them.
 *
 * @module
 */

import type { Leaf as IssuedLeaf } from "../ca/leaf.ts";
import type { LeafStore } from "../ca/leaves.ts";
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { Leaf, LeafSource } from "../engine/ports.ts";

export function toLeafSource(store: LeafStore): LeafSource {
  const known = new WeakMap<IssuedLeaf, Leaf>();
  /** One value for one leaf: the engine remembers by it what it rendered. */
  function toLeaf(account: ServiceAccountName, issued: IssuedLeaf): Leaf {
    const { chain: chainPem, key, issuerId, issuedAt, notAfter, version } = issued;
    const leaf = known.get(issued) ?? { account, chainPem, key, issuerId, issuedAt, notAfter, version };
    known.set(issued, leaf);
    return leaf;
  }
  return {
    obtain: async (account) => toLeaf(account, await store.demand(account)),
    adopt: (account, held) => store.adopt(account, held),
    onRenewed: (listener) => store.onRenewed((account, issued) => listener(toLeaf(account, issued))),
    retain: (accounts) => store.retain(accounts),
  };
}
