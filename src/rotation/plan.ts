/**
 * What a record means for those who issue and those who trust.
 *
 * @module
 */
import type { RootRef, RotationRecord } from "./record.ts";

export interface RotationPlan {
  /** Signs the leaves of workloads, the webhooks' certificate and what proxies dial the control plane with. */
  readonly signing: RootRef;
  /** Signs the xDS server's certificate: every proxy's files know it. */
  readonly server: RootRef;
  /** Whom everybody trusts, each once, the older first. */
  readonly trusted: readonly [RootRef, ...RootRef[]];
  /** Names of these are accepted; the first is the one that is issued. */
  readonly trustDomains: readonly [string, ...string[]];
  /** Names that the xDS server is called by, and that its clients may have. */
  readonly knownTrustDomains: readonly [string, ...string[]];
}

export function planOf(record: RotationRecord): RotationPlan {
  if (record.phase === "steady") {
    const { root } = record;
    return withDomains(record, { signing: root, server: root, trusted: [root] });
  }
  const { from, to } = record;
  const signing = record.phase === "issuing" ? to : from;
  return withDomains(record, { signing, server: from, trusted: [from, to] });
}

function withDomains(
  { formerTrustDomains }: RotationRecord,
  roots: Omit<RotationPlan, "trustDomains" | "knownTrustDomains">,
): RotationPlan {
  const first = roots.signing.trustDomain;
  const also = roots.trusted.map(({ trustDomain }) => trustDomain);
  return {
    ...roots,
    trustDomains: [first, ...without([first], also)],
    knownTrustDomains: [first, ...without([first], [...also, ...formerTrustDomains])],
  };
}

function without(known: readonly string[], names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => !known.includes(name));
}
