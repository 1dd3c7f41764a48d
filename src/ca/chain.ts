/**
 * From a certificate up to its root: who signed whom, and whether each was allowed to.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { ChainLink } from "./pki-read.ts";

/** Far above any real one; it bounds what a file full of certificates can cost. */
const MOST_ISSUERS = 16;

export interface Chain {
  /** From the one that signed the first certificate up, without the root. */
  readonly intermediates: readonly ChainLink[];
  readonly root: ChainLink;
  /** What was given and is not part of it. */
  readonly unused: readonly ChainLink[];
  /** Within which all of its issuers are valid, the root too. Epoch milliseconds. */
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export type ChainTrouble =
  /** Whoever issued `subject` is not among those given. */
  | { readonly kind: "issuer-missing"; readonly subject: string; readonly issuer: string }
  | { readonly kind: "not-authority"; readonly subject: string }
  /** `issuer` allows fewer authorities below it than there are. */
  | { readonly kind: "too-deep"; readonly issuer: string; readonly pathLength: number }
  | { readonly kind: "too-many"; readonly count: number; readonly most: number };

/** A self-signed authority. */
async function isRoot(link: ChainLink): Promise<boolean> {
  return link.info.isAuthority && (await link.isSignedBy(link));
}

/**
 * Builds the chain of `first` from others that may stand in any order. Only signatures count, not names alone.
 *
 * @param first - A leaf, or an authority; a root leads to itself.
 */
export async function buildChain(
  first: ChainLink,
  others: readonly ChainLink[],
): Promise<{ readonly chain: Chain } | { readonly trouble: ChainTrouble }> {
  const pool = distinct(others).filter((other) => !isSame(other, first));
  if (pool.length > MOST_ISSUERS) return { trouble: { kind: "too-many", count: pool.length, most: MOST_ISSUERS } };
  const issuers: ChainLink[] = [];
  let at = first;
  while (!(await isRoot(at))) {
    const issuer = await issuerOf(at, pool);
    if (issuer === undefined || issuers.includes(issuer)) {
      return { trouble: { kind: "issuer-missing", subject: at.info.subject, issuer: at.info.issuer } };
    }
    issuers.push(issuer);
    at = issuer;
  }
  const trouble = troubleOf(first.info.isAuthority ? [first, ...issuers] : issuers);
  if (trouble !== undefined) return { trouble };
  const all = [...issuers, ...(first.info.isAuthority ? [first] : []), at].map(({ info }) => info);
  return {
    chain: {
      intermediates: issuers.slice(0, -1),
      root: at,
      unused: pool.filter((link) => !issuers.includes(link)),
      notBefore: Math.max(...all.map(({ notBefore }) => notBefore)),
      notAfter: Math.min(...all.map(({ notAfter }) => notAfter)),
    },
  };
}

/** For people: what is wrong, without the way out, which depends on where the certificates come from. */
export function describeChainTrouble(trouble: ChainTrouble): string {
  switch (trouble.kind) {
    case "issuer-missing":
      return `"${trouble.subject}" was issued by "${trouble.issuer}", which was not given`;
    case "not-authority":
      return `"${trouble.subject}" may not sign certificates`;
    case "too-deep":
      return `"${trouble.issuer}" allows ${trouble.pathLength} authorities below it (pathlen), and there are more`;
    case "too-many":
      return `there are ${trouble.count} certificates, more than the ${trouble.most} that are read`;
  }
}

async function issuerOf(link: ChainLink, pool: readonly ChainLink[]): Promise<ChainLink | undefined> {
  const signed: ChainLink[] = [];
  for (const other of pool) if (await link.isSignedBy(other)) signed.push(other);
  // Of a key that has a root and a cross-signed certificate too, the root ends the chain.
  for (const other of signed) if (await isRoot(other)) return other;
  return signed[0];
}

/** @param issuers - The lowest first. */
function troubleOf(issuers: readonly ChainLink[]): ChainTrouble | undefined {
  for (const [below, { info, pathLength }] of issuers.entries()) {
    if (!info.isAuthority) return { kind: "not-authority", subject: info.subject };
    if (pathLength !== undefined && pathLength < below) {
      return { kind: "too-deep", issuer: info.subject, pathLength };
    }
  }
  return undefined;
}

function distinct(links: readonly ChainLink[]): readonly ChainLink[] {
  return links.filter((link, i) => links.findIndex((other) => isSame(link, other)) === i);
}

function isSame(a: ChainLink, b: ChainLink): boolean {
  return a.info.fingerprint === b.info.fingerprint;
}
