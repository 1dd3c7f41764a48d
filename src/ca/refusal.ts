/**
 * Why no leaf was issued, or why a root was not accepted: one union each, so that every mapping is checked for holes.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { type ChainTrouble, describeChainTrouble } from "./chain.ts";

export type IssueRefusal =
  | { readonly kind: "name-malformed"; readonly name: string; readonly because: string }
  | { readonly kind: "name-too-long"; readonly name: string; readonly part: "label" | "name"; readonly limit: number }
  | { readonly kind: "name-ambiguous"; readonly name: string }
  | { readonly kind: "issuer-expired"; readonly issuer: string; readonly notAfter: Millis }
  | { readonly kind: "issuer-not-yet-valid"; readonly issuer: string; readonly notBefore: Millis }
  | { readonly kind: "request-mismatch"; readonly because: string }
  /** The provider leads to a root that the mesh does not trust. */
  | { readonly kind: "root-changed"; readonly provider: string; readonly trusted: string; readonly got: string }
  /** The provider said no, or answered with something that proxies cannot use. `detail` may quote it. */
  | { readonly kind: "provider-refused"; readonly provider: string; readonly detail: string; readonly wayOut: string }
  | { readonly kind: "provider-altered"; readonly field: string; readonly asked: string; readonly got: string };

/** Thrown by `Authority.issue` and by providers. Asking again changes nothing until an operator does. */
export class IssueRefused extends Error {
  override readonly name = "IssueRefused";
  readonly reason: IssueRefusal;

  constructor(reason: IssueRefusal, options?: ErrorOptions) {
    super(describeIssueRefusal(reason), options);
    this.reason = reason;
  }
}

export type RootRefusal =
  | { readonly kind: "unreadable"; readonly what: string; readonly detail: string }
  | { readonly kind: "key-mismatch"; readonly subject: string }
  | { readonly kind: "not-authority"; readonly subject: string }
  | { readonly kind: "chain-broken"; readonly trouble: ChainTrouble }
  | { readonly kind: "not-in-chain"; readonly subject: string; readonly signer: string }
  | { readonly kind: "expired"; readonly subject: string; readonly notAfter: Millis; readonly now: Millis }
  | { readonly kind: "not-yet-valid"; readonly subject: string; readonly notBefore: Millis; readonly now: Millis }
  /** A TLS library does not take what it signs; `detail` is its reason. */
  | { readonly kind: "not-accepted"; readonly name: string; readonly detail: string };

/** Thrown when a root is loaded. No control plane starts on a root that it cannot sign with. */
export class RootRefused extends Error {
  override readonly name = "RootRefused";
  readonly reason: RootRefusal;

  constructor(reason: RootRefusal, options?: ErrorOptions) {
    super(describeRootRefusal(reason), options);
    this.reason = reason;
  }
}

function describeIssueRefusal(reason: IssueRefusal): string {
  switch (reason.kind) {
    case "name-malformed":
      return `"${reason.name}" cannot stand in a certificate: ${reason.because}`;
    case "name-too-long": {
      const limit =
        reason.part === "label"
          ? `a part between dots has at most ${reason.limit}`
          : `a DNS name has at most ${reason.limit}`;
      return `"${reason.name}" cannot stand in a certificate: ${limit} characters; shorten the service account's name`;
    }
    case "name-ambiguous":
      return `the service account's name "${reason.name}" reads as that of another account's proxy; rename the service account`;
    case "issuer-expired":
      return `the issuer "${reason.issuer}" expired at ${textOf(reason.notAfter)}, or one above it; replace it`;
    case "issuer-not-yet-valid":
      return `the issuer "${reason.issuer}" is not valid before ${textOf(reason.notBefore)}; check this machine's clock`;
    case "request-mismatch":
      return `the certificate request was refused: ${reason.because}`;
    case "root-changed":
      return `${reason.provider} now leads to the root ${reason.got}, and the mesh trusts ${reason.trusted}; make it sign with the trusted root again, or rotate the mesh's root`;
    case "provider-refused":
      return `${reason.provider}: ${reason.detail}; ${reason.wayOut}`;
    case "provider-altered":
      return `the certificate provider changed the ${reason.field} from "${reason.asked}" to "${reason.got}"; let its role allow what is asked`;
  }
}

function describeRootRefusal(reason: RootRefusal): string {
  switch (reason.kind) {
    case "not-accepted":
      return `no peer would accept what this root signs: the certificate of "${reason.name}" was refused ${reason.detail}; let no authority of its chain be limited to other names (name constraints) or uses`;
    case "unreadable":
      return reason.detail;
    case "key-mismatch":
      return `private.key is not the key of the certificate "${reason.subject}" in ca.crt; give the two that were made together`;
    case "not-authority":
      return `ca.crt "${reason.subject}" may not sign certificates; it needs basicConstraints CA:TRUE and, if it states a keyUsage, keyCertSign`;
    case "chain-broken":
      return `ca.crt: ${describeChainTrouble(reason.trouble)}; give the certificate of private.key, then its issuers up to and with the self-signed root`;
    case "not-in-chain":
      return `ca.crt: "${reason.subject}" is not in the chain of "${reason.signer}"; leave it out`;
    case "expired":
      return `ca.crt "${reason.subject}" expired at ${textOf(reason.notAfter)}, and it is ${textOf(reason.now)}; give a new root, or delete the old one to have one made`;
    case "not-yet-valid":
      return `ca.crt "${reason.subject}" is not valid before ${textOf(reason.notBefore)}, and it is ${textOf(reason.now)}; check this machine's clock`;
  }
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
