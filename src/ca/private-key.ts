/**
 * Private keys from outside: PKCS#8 (as OSM wrote them), PKCS#1 (`RSA PRIVATE KEY`) and SEC1 (`EC PRIVATE KEY`).
 *
 * @module
 */
import type { Redacted } from "../core/base/redacted.ts";
import { readTlv, tlv } from "./der.ts";
import { parsePem, Unreadable } from "./pem.ts";

const RSA_BITS = { least: 2048, most: 8192 } as const;
const CURVES = [
  { name: "P-256", hash: "SHA-256", bytes: 32, oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] },
  { name: "P-384", hash: "SHA-384", bytes: 48, oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22] },
] as const;
/** AlgorithmIdentifier of rsaEncryption with its NULL, and the object identifier of id-ecPublicKey, in DER. */
const RSA_ALGORITHM = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const EC_OID = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const VERSION_0 = [0x02, 0x01, 0x00];
const TAG = { sequence: 0x30, octetString: 0x04, parameters: 0xa0 } as const;

type Curve = (typeof CURVES)[number];
type Bytes = Uint8Array<ArrayBuffer>;
type ImportParameters = RsaHashedImportParams | EcKeyImportParams;

/** A private key that can sign, and the hash that goes with it. */
export interface SigningKey {
  readonly key: CryptoKey;
  readonly hash: "SHA-256" | "SHA-384";
}

/**
 * Reads the first private key of a PEM text. Other blocks, such as `EC PARAMETERS`, are passed over.
 *
 * @param what - How messages call it, such as `private.key`.
 * @throws Unreadable, never with a part of the key in it.
 */
export async function parsePrivateKey(pem: Redacted<string>, what: string): Promise<SigningKey> {
  const blocks = parsePem(pem.reveal(), what);
  const block = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  switch (block?.label) {
    case "PRIVATE KEY":
      return (await importRsa(block.der, what)) ?? (await importEc(block.der, CURVES)) ?? refuse(what);
    case "RSA PRIVATE KEY":
      return (await importRsa(wrapPkcs1(block.der), what)) ?? refuse(what);
    case "EC PRIVATE KEY":
      return (await importSec1(block.der)) ?? refuse(what);
    case "ENCRYPTED PRIVATE KEY":
      throw new Unreadable(what, { kind: "key-encrypted" });
    case undefined:
      throw new Unreadable(what, {
        kind: "block-missing",
        expected: "PRIVATE KEY",
        found: blocks.map(({ label }) => label),
      });
    default:
      throw unsupported(what, `"${block?.label}" is not a form that is read`);
  }
}

async function importRsa(pkcs8: Bytes, what: string): Promise<SigningKey | undefined> {
  const key = await importPkcs8(pkcs8, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" });
  if (key === undefined) return undefined;
  const bits = "modulusLength" in key.algorithm ? Number(key.algorithm.modulusLength) : 0;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) throw unsupported(what, `it is RSA of ${bits} bits`);
  return { key, hash: "SHA-256" };
}

async function importEc(pkcs8: Bytes, curves: readonly Curve[]): Promise<SigningKey | undefined> {
  for (const { name, hash } of curves) {
    const key = await importPkcs8(pkcs8, { name: "ECDSA", namedCurve: name });
    if (key !== undefined) return { key, hash };
  }
  return undefined;
}

async function importSec1(der: Bytes): Promise<SigningKey | undefined> {
  const curve = CURVES.find((one) => isOnCurve(der, one));
  return curve && importEc(wrapSec1(der, curve.oid), [curve]);
}

// ECPrivateKey is a sequence of version, private value, [0] curve and [1] public key; the last two may be left out
// (RFC 5915). Deno takes a key of one curve for another, so the curve is read here.
function isOnCurve(der: Bytes, { oid, bytes }: Curve): boolean {
  const sequence = readTlv(der, 0);
  const version = sequence && readTlv(der, sequence.start);
  const value = version && readTlv(der, version.end);
  if (value?.tag !== TAG.octetString || value.end - value.start !== bytes) return false;
  const parameters = readTlv(der, value.end);
  if (parameters?.tag !== TAG.parameters) return true; // only the length tells
  return oid.every((byte, i) => der[parameters.start + i] === byte);
}

// The runtime knows best whether bytes are a key of a kind. Its errors differ by runtime and could quote the input.
async function importPkcs8(der: Bytes, parameters: ImportParameters): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey("pkcs8", der, parameters, false, ["sign"]);
  } catch {
    return undefined;
  }
}

function wrapPkcs1(der: Bytes): Bytes {
  return tlv(TAG.sequence, VERSION_0, RSA_ALGORITHM, tlv(TAG.octetString, der));
}

function wrapSec1(der: Bytes, curveOid: readonly number[]): Bytes {
  return tlv(TAG.sequence, VERSION_0, tlv(TAG.sequence, EC_OID, curveOid), tlv(TAG.octetString, der));
}

function refuse(what: string): never {
  throw unsupported(what, "it is damaged or of another kind");
}

function unsupported(what: string, detail: string): Unreadable {
  return new Unreadable(what, { kind: "key-unsupported", detail });
}
