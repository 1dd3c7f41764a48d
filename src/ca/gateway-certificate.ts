/**
 * The certificate of an ingress gateway: what a gateway outside the mesh shows to proxies, and whom it trusts
 * (MeshConfig `certificate.ingressGateway`; dataplane spec 6).
 *
 * @module
 */
import { parseProxyCommonName } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { Leaf } from "./leaf.ts";
import { issuerPrefix, parseLeafVersion } from "./leaf.ts";
import { parseCertificate } from "./pki-read.ts";
import { IssueRefused } from "./refusal.ts";
import { adsServerName, type LeafSubject } from "./subject.ts";

export interface GatewayRequest {
  /** The first is the common name; all of them are principals for AuthenticatedPrincipal. */
  readonly dnsNames: readonly string[];
  readonly life: Millis;
}

/** What a gateway holds, as its Secret or its folder has it. Without the key, which nobody needs to look at. */
export interface HeldGatewayCertificate {
  /** `ca.crt`. */
  readonly trusted: string;
  /** `tls.crt`. */
  readonly chain: string;
  /** Of the leaf; "" if unknown. */
  readonly version: string;
}

export interface GatewayCertificate extends HeldGatewayCertificate {
  /** `tls.key`. */
  readonly key: Redacted<string>;
}

export interface GatewayAuthority {
  readonly trustDomain: string;
  readonly issuerId: string;
  trustBundle(): readonly string[];
  issue(subject: LeafSubject, life: Millis): Promise<Leaf>;
}

/**
 * Issues a certificate, unless what is held is still right: of these names, of the present issuer, of no longer a life,
 * and with a third of it left.
 *
 * @param now - Epoch milliseconds.
 * @returns undefined if what is held is still right.
 * @throws IssueRefused for names that cannot stand in a certificate, or that are the control plane's or a proxy's.
 */
export async function renewGateway(
  authority: GatewayAuthority,
  { dnsNames, life }: GatewayRequest,
  held: HeldGatewayCertificate | undefined,
  now: Millis,
): Promise<GatewayCertificate | undefined> {
  const trusted = authority.trustBundle().join("");
  const isRight = held !== undefined && held.trusted === trusted && isOfIssuer(held, authority);
  if (isRight && (await isGood(held.chain, { dnsNames, life }, now))) return undefined;
  const [first, ...rest] = dnsNames;
  if (first === undefined) throw new RangeError("a gateway's certificate needs a name");
  for (const name of dnsNames) refuseOthersNames(name, authority.trustDomain);
  const leaf = await authority.issue({ kind: "server", dnsNames: [first, ...rest] }, life);
  return { trusted, chain: leaf.chain, version: leaf.version, key: leaf.key };
}

function isOfIssuer({ version }: HeldGatewayCertificate, { issuerId }: GatewayAuthority): boolean {
  return parseLeafVersion(version)?.issuer === issuerPrefix(issuerId);
}

async function isGood(chain: string, { dnsNames, life }: GatewayRequest, now: Millis): Promise<boolean> {
  // Somebody may have written over it: what cannot be read is replaced.
  const info = await parseCertificate(chain, "the gateway's certificate").catch(() => undefined);
  if (info === undefined) return false;
  const { dnsSans, notBefore, notAfter } = info;
  const sameNames = [...new Set(dnsNames)].sort().join() === [...dnsSans].sort().join();
  const left = notAfter - now;
  // Of the life that it got, which can be shorter than what was asked for.
  const isDue = now < notBefore || left <= (notAfter - notBefore) / 3;
  return sameNames && !isDue && left <= life + ROUNDING;
}

/** Certificates count in whole seconds. */
const ROUNDING: Millis = 2000;

// A gateway with such a name could ask the control plane for a proxy's configuration and key, or pose as it.
function refuseOthersNames(name: string, trustDomain: string): void {
  if (name === adsServerName(trustDomain) || parseProxyCommonName(name, trustDomain) !== undefined)
    throw new IssueRefused({
      kind: "name-malformed",
      name,
      because: "it is the name of the control plane or of a proxy",
    });
}
