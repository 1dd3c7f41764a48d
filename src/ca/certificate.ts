/**
 * Certificates in our own words, so that only `pki.ts` knows the library that reads and writes them.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { KeyKind } from "./keys.ts";

/** What a certificate says. Instants are epoch milliseconds; hexadecimal is lower-case. */
export interface CertificateInfo {
  /** Whole bytes, without a leading zero byte. */
  readonly serial: string;
  /** undefined if there is none or more than one: which of two would be the name? */
  readonly commonName: string | undefined;
  /** `O=…, CN=…`, for people. */
  readonly subject: string;
  readonly issuer: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** `ECDSA P-256`, `RSA 2048`; other algorithms by their object identifier. */
  readonly keyAlgorithm: string;
  /** SHA-256 of the DER. */
  readonly fingerprint: string;
  /** BasicConstraints says CA, and KeyUsage, where there is one, allows to sign certificates. */
  readonly isAuthority: boolean;
}

export interface RootRequest {
  readonly commonName: string;
  readonly organization: string;
  readonly key: KeyKind;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export interface LeafRequest {
  readonly commonName: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  readonly publicKey: CryptoKey;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

/** A certificate together with a private key that signs in its name. */
export interface Signer {
  readonly pem: string;
  readonly info: CertificateInfo;
  /** The certificate's own signature is by its own key. */
  readonly selfSigned: boolean;
  /** The private key belongs to the certificate. */
  readonly keyMatches: boolean;
  /** Signs a leaf for TLS servers and clients. */
  sign(request: LeafRequest): Promise<SignedLeaf>;
}

export interface SignedLeaf {
  readonly pem: string;
  readonly info: CertificateInfo;
}
