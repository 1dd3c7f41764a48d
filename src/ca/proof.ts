/**
 * Proof that a root is of use to the mesh, before anybody depends on it.
 *
 * An authority may sign what nobody accepts: an intermediate that is limited to other names is the usual case. Proxies
 * would take such certificates from the control plane without a word, and then fail every request.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Authority } from "./authority.ts";
import { handshake } from "./handshake.ts";
import { RootRefused } from "./refusal.ts";
import { adsServerName, type LeafSubject, namesOf } from "./subject.ts";

/** Of leaves that are thrown away; some authorities give none below an hour. */
const LIFE: Millis = 3_600_000;
/** Nobody's, and in a namespace that Kubernetes keeps for itself. */
const NOBODY = { namespace: "kube-system", name: "osm-root-proof" };

/**
 * Has leaves signed as workloads and the control plane's servers have them, and has each meet itself over TLS.
 *
 * @param servers - DNS names of the mesh's servers, beside those of the trust domain.
 * @throws RootRefused if one of them is not accepted; and what `Authority.issue` throws.
 */
export async function proveRoot(authority: Authority, servers: readonly string[]): Promise<void> {
  const { trustDomain } = authority;
  const subjects: readonly LeafSubject[] = [
    { kind: "service", serviceAccount: NOBODY },
    { kind: "server", dnsNames: [adsServerName(trustDomain), ...servers] },
  ];
  await Promise.all(
    subjects.map(async (subject) => {
      const { commonName: name } = namesOf(subject, trustDomain);
      const leaf = await authority.issue(subject, LIFE);
      const refused = await handshake(leaf, { roots: authority.trustBundle(), name });
      if (refused !== undefined) throw new RootRefused({ kind: "not-accepted", name, detail: refused });
    }),
  );
}
