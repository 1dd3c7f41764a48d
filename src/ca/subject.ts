/**
 * Who a leaf is for, and which names it therefore carries. Names come from the identity, never from a request.
 *
 * The common name is the whole name, as in OSM, although a proxy's (78 characters for the bookbuyer) is longer than the
 * 64 that X.520 allows (ub-common-name): OpenSSL's `-x509_strict`, BoringSSL in Envoy and Bun, and rustls in Deno take
 * it, and OSM's tools read it. The same name is also a DNS SAN, which has no such limit, so that a reader or a provider
 * that drops long common names loses nothing; `identityFromPeer` reads either. A DNS name's own limits are kept:
 * beyond 63 characters between dots, or 253 in all, the leaf is refused rather than cut.
 *
 * @module
 */
import {
  type ProxyIdentity,
  parseProxyCommonName,
  principalOf,
  proxyCommonName,
  type ServiceAccountName,
  spiffeIdOf,
} from "../core/base/identity.ts";
import { IssueRefused } from "./refusal.ts";

const MAX_LABEL = 63;
const MAX_NAME = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export type LeafSubject =
  /** For mutual TLS between workloads. */
  | { readonly kind: "service"; readonly serviceAccount: ServiceAccountName }
  /** For a proxy's connection to the control plane. */
  | { readonly kind: "proxy"; readonly identity: ProxyIdentity }
  /** For the control plane's own servers; the first name is the common name. Lower-case DNS names without wildcards. */
  | { readonly kind: "server"; readonly dnsNames: readonly [string, ...string[]] };

export interface LeafNames {
  readonly commonName: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
}

/** The xDS server's name, which every proxy's bootstrap checks. */
export function adsServerName(trustDomain: string): string {
  return `ads.${trustDomain}`;
}

/** The names of a leaf. @throws IssueRefused if one of them cannot stand in a certificate, or would be read as another's. */
export function namesOf(subject: LeafSubject, trustDomain: string): LeafNames {
  switch (subject.kind) {
    case "service": {
      const principal = principalOf(subject.serviceAccount, trustDomain);
      // Service accounts may be called `<uuid>.sidecar.x`. Whoever may create one must not become the proxy of x.
      if (parseProxyCommonName(principal, trustDomain) !== undefined) {
        throw new IssueRefused({ kind: "name-ambiguous", name: principal });
      }
      return accountNames(principal, subject.serviceAccount, trustDomain);
    }
    case "proxy": {
      const name = proxyCommonName(subject.identity, trustDomain);
      const read = parseProxyCommonName(name, trustDomain);
      if (read === undefined) throw malformed(name, "its first part must be a UUID");
      return accountNames(name, subject.identity.serviceAccount, trustDomain);
    }
    case "server": {
      const names = [...new Set(subject.dnsNames)];
      for (const name of names) checkDnsName(name);
      return { commonName: subject.dnsNames[0], dnsSans: names, uriSans: [] };
    }
  }
}

function accountNames(name: string, account: ServiceAccountName, trustDomain: string): LeafNames {
  // Read from the right, a namespace with a dot would give half of its name to the service account.
  if (account.namespace.includes(".")) throw malformed(name, `the namespace "${account.namespace}" holds a dot`);
  checkDnsName(name);
  return { commonName: name, dnsSans: [name], uriSans: [spiffeIdOf(account, trustDomain)] };
}

function checkDnsName(name: string): void {
  if (name.length > MAX_NAME) throw new IssueRefused({ kind: "name-too-long", name, part: "name", limit: MAX_NAME });
  for (const label of name.split(".")) {
    if (label.length > MAX_LABEL) {
      throw new IssueRefused({ kind: "name-too-long", name, part: "label", limit: MAX_LABEL });
    }
    if (!LABEL.test(label)) throw malformed(name, `"${label}" is not made of a-z, 0-9 and inner hyphens`);
  }
}

function malformed(name: string, because: string): IssueRefused {
  return new IssueRefused({ kind: "name-malformed", name, because });
}
