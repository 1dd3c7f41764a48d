/**
 * The port behind which certificates are signed: the built-in authority, Vault, cert-manager.
 *
 * A provider signs what it is asked to. Who may have which names is decided by `Authority`, from the proven identity.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { CertificateInfo } from "./certificate.ts";

/** What a provider is to sign. The names come from `namesOf`, never from a caller over the wire. */
export interface ChainRequest {
  readonly commonName: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  /** ECDSA or RSA, exportable as SPKI. */
  readonly publicKey: CryptoKey;
  /**
   * A PKCS#10 request in PEM with these names, signed by the private key, for authorities that take nothing else. It
   * is made when asked for.
   */
  csr(): Promise<string>;
  readonly notBefore: Millis;
  /** A wish: a provider may give less, never more. The truth is read from the certificate. */
  readonly notAfter: Millis;
}

export interface IssuedChain {
  /** PEM, the leaf first, each signed by the next; without the root. */
  readonly chain: readonly [string, ...string[]];
  /** What the leaf really says. Read it with `parseCertificate` where others signed: they may have changed it. */
  readonly leaf: CertificateInfo;
  /** The `issuerId` under which it was signed, which may have changed while the request was under way. */
  readonly issuerId: string;
}

/** A provider that cannot be asked, or gives nothing that can be used. Leaves in force stay in force. */
export interface Outage {
  /** Epoch milliseconds of the first failure. */
  readonly since: Millis;
  /** In a row. */
  readonly failures: number;
  /** What the last one was. May quote the provider: for the log, not for everybody. */
  readonly error: unknown;
  /** It is not asked again before. */
  readonly retryAt: Millis;
}

export interface CertificateProvider {
  /** For people, such as `builtin` or `vault`. */
  readonly name: string;
  /** SHA-256 of the root that new leaves lead to, in lower-case hexadecimal. Changes when the root does. */
  readonly issuerId: string;
  /** When the first of the issuers of new leaves ends, the root included, as far as is known. Epoch milliseconds. */
  issuerEnds(): Millis;
  /** PEM roots that peers are to trust, at least one. */
  trustBundle(): readonly string[];
  /**
   * Settles within a deadline of its own: an identity whose issue is under way waits for its end.
   *
   * @throws IssueRefused if it will not; any other error means the provider could not be asked, so try again.
   */
  issue(request: ChainRequest): Promise<IssuedChain>;
  /** undefined while the last issue succeeded. Absent where there is nobody else to ask. */
  outage?(): Outage | undefined;
  /** Ends timers and connections. Absent where there are none. */
  close?(): void;
}
