/**
 * What there is of certificates, for people to look at: roots, the authorities below them, the leaf of each identity,
 * and who signs. No key leaves here.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { CertificateInfo } from "./certificate.ts";
import type { Leaf } from "./leaf.ts";
import { parseCertificate, splitChain } from "./pki-read.ts";
import type { ProviderState } from "./provider-state.ts";

export interface Inventory {
  /** `signing`: new leaves lead to it. */
  readonly roots: readonly {
    readonly facts: CertificateInfo;
    readonly signing: boolean;
    readonly pem: string;
    /** The public key alone, as RFC 7517 has it. */
    readonly jwk: Readonly<Record<string, string>>;
  }[];
  /** Between a root and the leaves that are in force, each once. */
  readonly intermediates: readonly {
    readonly facts: CertificateInfo;
    /** Fingerprint of the root that it leads to. */
    readonly root: string;
    readonly pem: string;
  }[];
  readonly leaves: readonly {
    readonly serviceAccount: ServiceAccountName;
    readonly facts: CertificateInfo;
    /** Fingerprint of the root that it leads to. */
    readonly root: string;
    /** With the authorities between it and the root. */
    readonly pem: string;
  }[];
  readonly providers: readonly ProviderState[];
}

/** What is listed: a control plane, as far as it has certificates. */
export interface InventorySources {
  readonly authority: { readonly issuerId: string; trustBundle(): readonly string[] };
  readonly leaves: {
    all(): readonly { readonly serviceAccount: ServiceAccountName; readonly leaf: Leaf }[];
  };
  /** The xDS server's: there is one before there is any identity. undefined before it listens. */
  serverLeaf(): Leaf | undefined;
  providers(): readonly ProviderState[];
}

interface ReadLeaf {
  readonly facts: CertificateInfo;
  /** PEM of the authorities between it and its root. */
  readonly between: readonly string[];
}

/** @returns a function that reads each certificate once in its life. It rejects with `Unreadable` if one cannot be. */
export function createInventory(sources: InventorySources): () => Promise<Inventory> {
  const { authority, leaves } = sources;
  const known = new WeakMap<Leaf, ReadLeaf>();
  const intermediatesOf = createIntermediates();

  async function read(leaf: Leaf, what: string): Promise<ReadLeaf> {
    const before = known.get(leaf);
    if (before !== undefined) return before;
    const [, ...between] = splitChain(leaf.chain, what);
    const fresh = { facts: await parseCertificate(leaf.chain, what), between };
    known.set(leaf, fresh);
    return fresh;
  }

  return async () => {
    const roots = await Promise.all(authority.trustBundle().map(readRoot));
    const listed: Inventory["leaves"][number][] = [];
    const chains: Chain[] = [];
    // One after the other: a thousand at a time would keep health waiting.
    for (const { serviceAccount, leaf } of leaves.all()) {
      const { namespace, name } = serviceAccount;
      const { facts, between } = await read(leaf, `the certificate of ${namespace}/${name}`);
      listed.push({ serviceAccount, facts, root: leaf.issuerId, pem: leaf.chain });
      chains.push({ root: leaf.issuerId, between });
    }
    const server = sources.serverLeaf();
    if (server !== undefined)
      chains.push({
        root: server.issuerId,
        between: (await read(server, "the certificate of the xDS server")).between,
      });
    return {
      roots: roots.map((root) => ({ ...root, signing: root.facts.fingerprint === authority.issuerId })),
      intermediates: await intermediatesOf(chains),
      leaves: listed,
      providers: sources.providers(),
    };
  };
}

interface Chain {
  readonly root: string;
  readonly between: readonly string[];
}

/** Each is read once for as long as some chain has it. */
function createIntermediates(): (chains: readonly Chain[]) => Promise<Inventory["intermediates"]> {
  let known: ReadonlyMap<string, Inventory["intermediates"][number]> = new Map();
  return async (chains) => {
    const next = new Map<string, Inventory["intermediates"][number]>();
    for (const { root, between } of chains) {
      for (const pem of between) {
        const key = `${root} ${pem}`;
        if (next.has(key)) continue;
        next.set(key, known.get(key) ?? { facts: await parseCertificate(pem, "an intermediate"), root, pem });
      }
    }
    known = next;
    return [...next.values()];
  };
}

async function readRoot(pem: string) {
  const jwk = new X509Certificate(pem).publicKey.export({ format: "jwk" });
  const parameters = Object.entries(jwk).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return { pem, facts: await parseCertificate(pem, "a trusted root"), jwk: Object.fromEntries(parameters) };
}
