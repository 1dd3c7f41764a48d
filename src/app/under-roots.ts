/**
 * What the roots in force mean for names: the mesh's settings, the xDS server's names, and who a proxy is.
 *
 * @module
 */
import { identityFromPeer } from "../ca/peer.ts";
import { adsServerName } from "../ca/subject.ts";
import type { ProxyIdentity } from "../core/base/identity.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import type { PeerCertificate } from "../xds/peer.ts";

type Planned = Pick<OpenRoots, "plan">;

export function settingsUnder({ plan }: Planned, settings: MeshSettings): MeshSettings {
  const [trustDomain, ...others] = plan.trustDomains;
  return { ...settings, trustDomain, ...(others.length === 0 ? {} : { otherTrustDomains: others }) };
}

/** The names by which running proxies call the xDS server. */
export function serverNamesUnder({ plan }: Planned): readonly [string, ...string[]] {
  const [first, ...others] = plan.trustDomains;
  return [adsServerName(first), ...others.map(adsServerName)];
}

/** A running proxy may have a certificate in a trust domain that the mesh had when its pod was made. */
export function identityUnder({ plan }: Planned, peer: PeerCertificate): ProxyIdentity | undefined {
  for (const domain of plan.trustDomains) {
    const identity = identityFromPeer(peer, domain);
    if (identity !== undefined) return identity;
  }
  return undefined;
}
