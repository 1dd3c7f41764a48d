/**
 * What there is of certificates, for people to look at: roots, and the leaf of each identity. No key leaves here.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { CertificateInfo } from "./certificate.ts";
import type { Leaf } from "./leaf.ts";
import { parseCertificate } from "./pki-read.ts";

export interface Inventory {
  /** `signing`: new leaves lead to it. */
  readonly roots: readonly {
    readonly facts: CertificateInfo;
    readonly signing: boolean;
    readonly pem: string;
    /** The public key alone, as RFC 7517 has it. */
    readonly jwk: Readonly<Record<string, string>>;
  }[];
  readonly leaves: readonly {
    readonly serviceAccount: ServiceAccountName;
    readonly facts: CertificateInfo;
    /** Fingerprint of the root that it leads to. */
    readonly root: string;
    /** With the authorities between it and the root. */
    readonly pem: string;
  }[];
}

/** What is listed: `Authority` and `LeafStore`. */
export interface InventorySources {
  readonly authority: { readonly issuerId: string; trustBundle(): readonly string[] };
  readonly leaves: {
    all(): readonly { readonly serviceAccount: ServiceAccountName; readonly leaf: Leaf }[];
  };
}

/** @returns a function that reads each certificate once in its life. It rejects with `Unreadable` if one cannot be. */
export function createInventory({ authority, leaves }: InventorySources): () => Promise<Inventory> {
  const known = new WeakMap<Leaf, CertificateInfo>();

  async function factsOf(leaf: Leaf, account: ServiceAccountName): Promise<CertificateInfo> {
    const before = known.get(leaf);
    if (before !== undefined) return before;
    const facts = await parseCertificate(leaf.chain, `the certificate of ${account.namespace}/${account.name}`);
    known.set(leaf, facts);
    return facts;
  }

  return async () => {
    const roots = await Promise.all(authority.trustBundle().map(readRoot));
    const read: Inventory["leaves"][number][] = [];
    // One after the other: a thousand at a time would keep health waiting.
    for (const { serviceAccount, leaf } of leaves.all()) {
      read.push({ serviceAccount, facts: await factsOf(leaf, serviceAccount), root: leaf.issuerId, pem: leaf.chain });
    }
    return {
      roots: roots.map((root) => ({ ...root, signing: root.facts.fingerprint === authority.issuerId })),
      leaves: read,
    };
  };
}

async function readRoot(pem: string) {
  const jwk = new X509Certificate(pem).publicKey.export({ format: "jwk" });
  const parameters = Object.entries(jwk).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return { pem, facts: await parseCertificate(pem, "a trusted root"), jwk: Object.fromEntries(parameters) };
}
