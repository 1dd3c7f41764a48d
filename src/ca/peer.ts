/**
 * Which proxy a client certificate proves. The chain was verified before; here only the names are read.
 *
 * @module
 */
import { type ProxyIdentity, parseProxyCommonName, spiffeIdOf } from "../core/base/identity.ts";

/** The names in a peer's certificate. */
export interface PeerNames {
  readonly commonName: string | undefined;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
}

/**
 * Reads a proxy's identity from its common name or, if a provider left that out, from its DNS SANs.
 *
 * Fails closed. All names of the proxy form must name one proxy, and the URI SANs, if there are any, must be its own:
 * a service certificate of an account called `<uuid>.sidecar.x` has the form, but its SPIFFE ID gives it away.
 * Certificates without URI SANs are those that OSM issued; a mesh whose root was adopted still runs on them.
 *
 * @returns undefined if the names prove no proxy of this trust domain, or more than one.
 */
export function identityFromPeer(peer: PeerNames, trustDomain: string): ProxyIdentity | undefined {
  const names = peer.commonName === undefined ? peer.dnsSans : [peer.commonName, ...peer.dnsSans];
  const [first, ...rest] = names.flatMap((name) => parseProxyCommonName(name, trustDomain) ?? []);
  if (first === undefined || rest.some((other) => !sameProxy(first, other))) return undefined;
  const own = spiffeIdsOf(first, trustDomain);
  return peer.uriSans.every((uri) => own.includes(uri)) ? first : undefined;
}

function sameProxy(a: ProxyIdentity, b: ProxyIdentity): boolean {
  return (
    a.uuid === b.uuid &&
    a.serviceAccount.namespace === b.serviceAccount.namespace &&
    a.serviceAccount.name === b.serviceAccount.name
  );
}

// OSM with SPIFFE switched on put the uuid into the URI as well (platform spec 5.1).
function spiffeIdsOf({ uuid, serviceAccount }: ProxyIdentity, trustDomain: string): readonly string[] {
  const { namespace, name } = serviceAccount;
  return [spiffeIdOf(serviceAccount, trustDomain), `spiffe://${trustDomain}/${uuid}/sidecar/${name}/${namespace}`];
}
