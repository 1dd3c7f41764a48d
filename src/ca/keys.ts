/**
 * Key pairs, by the runtime's WebCrypto.
 *
 * @module
 */
import { Redacted } from "../core/base/redacted.ts";
import { toPem } from "./pem.ts";

/** What kind of key a root or a leaf gets. */
export type KeyKind = { readonly kind: "p256" } | { readonly kind: "rsa"; readonly bits: number };

export const P256: KeyKind = { kind: "p256" };

const RSA_BITS = { least: 2048, most: 4096 } as const;
const RSA_EXPONENT = Uint8Array.of(1, 0, 1);

/**
 * Makes an RSA kind of the size that MeshConfig asks for.
 *
 * @returns undefined outside 2048 to 4096 or if not a multiple of 8, where OSM silently took 2048: the caller tells the operator.
 */
export function rsaKind(bits: number): KeyKind | undefined {
  const fits = Number.isInteger(bits) && bits >= RSA_BITS.least && bits <= RSA_BITS.most && bits % 8 === 0;
  return fits ? { kind: "rsa", bits } : undefined;
}

/** An exportable pair for signing. P-256 takes well below a millisecond, RSA 2048 about a hundred. */
export function makeKeyPair(kind: KeyKind): Promise<CryptoKeyPair> {
  const usages: KeyUsage[] = ["sign", "verify"];
  switch (kind.kind) {
    case "p256":
      return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, usages);
    case "rsa":
      return crypto.subtle.generateKey(
        { name: "RSASSA-PKCS1-v1_5", modulusLength: kind.bits, publicExponent: RSA_EXPONENT, hash: "SHA-256" },
        true,
        usages,
      );
  }
}

/** PKCS#8 PEM, the form that Envoy, OSM's Secret and every tool reads. */
export async function toKeyPem(privateKey: CryptoKey): Promise<Redacted<string>> {
  return new Redacted(toPem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey))));
}
