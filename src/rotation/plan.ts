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
  /**
   * Names of these are accepted, and the control plane is called by them; the first is the one that is issued.
   *
   * Those that the mesh once had stay: connections that were made under them live on, each of their requests is judged
   * by that name, and running proxies dial by it. Nobody can prove one of them anew once its root is dropped.
   */
  readonly trustDomains: readonly [string, ...string[]];
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

function withDomains({ formerTrustDomains }: RotationRecord, roots: Omit<RotationPlan, "trustDomains">): RotationPlan {
  const first = roots.signing.trustDomain;
  const all = new Set([...roots.trusted.map(({ trustDomain }) => trustDomain), ...formerTrustDomains]);
  all.delete(first);
  return { ...roots, trustDomains: [first, ...all] };
}
