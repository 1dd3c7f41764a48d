/**
 * X.509 by pkijs: makes a root, signs leaves.
 *
 * Only files named `pki*` import pkijs. Its process-wide engine is not used: the engine is an argument of every call.
 * Whatever pkijs or the runtime throws over bytes from outside leaves these files as `Unreadable`.
 *
 * @module
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { LeafRequest, RootRequest, SignedLeaf, Signer } from "./certificate.ts";
import { tlv } from "./der.ts";
import { makeKeyPair, toKeyPem } from "./keys.ts";
import { toHex, toPem } from "./pem.ts";
import { alternativeNames, extension, toName } from "./pki-names.ts";
import { OID } from "./pki-oid.ts";
import {
  certificateDers,
  decode,
  extensionValue,
  fingerprintOf,
  parseCertificate,
  pkiEngine,
  readInfo,
} from "./pki-read.ts";
import { parsePrivateKey, type SigningKey } from "./private-key.ts";

const CERTIFICATE = "CERTIFICATE";
const SEQUENCE = 0x30;
const SERIAL_BYTES = 16;
/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
const FIRST_GENERALIZED_YEAR = 2050;
/** KeyUsage: the first byte of the bit string, and how many of its last bits DER calls unused. */
const USAGE = {
  authority: { bits: 0b0000_0110, unused: 1 },
  ecdsaLeaf: { bits: 0b1000_0000, unused: 7 },
  rsaLeaf: { bits: 0b1010_0000, unused: 5 },
} as const;
/** RFC 7093: a key identifier is the first 160 bits of a SHA-256. */
const KEY_ID_BYTES = 20;

type Bytes = Uint8Array<ArrayBuffer>;

/** Makes a self-signed root. Two roots never share a name, so that a chain can lead to one of them only. */
export async function createRoot(
  request: RootRequest,
): Promise<{ readonly certificate: string; readonly key: Redacted<string> }> {
  const { publicKey, privateKey } = await makeKeyPair(request.key);
  const serial = randomSerial();
  const name = toName([
    [OID.organization, request.organization],
    [OID.commonName, request.commonName],
    [OID.serialNumber, toHex(serial).slice(-8)],
  ]);
  const root = await draft({ ...request, publicKey, serial, subject: name, issuer: name });
  root.extensions = [
    extension(OID.basicConstraints, new pkijs.BasicConstraints({ cA: true }).toSchema(), { critical: true }),
    extension(OID.keyUsage, usageBits(USAGE.authority), { critical: true }),
    extension(OID.subjectKeyId, new asn1js.OctetString({ valueHex: await keyIdOf(root) })),
  ];
  await root.sign(privateKey, "SHA-256", pkiEngine());
  return { certificate: toPem(CERTIFICATE, derOf(root)), key: await toKeyPem(privateKey) };
}

/**
 * Reads a certificate and its private key.
 *
 * @param names - How messages call the two, such as `ca.crt` and `private.key`.
 * @throws Unreadable if one of them cannot be read. Whether they fit and may sign is for the caller to ask.
 */
export async function openSigner(
  { certificate, key }: { readonly certificate: string; readonly key: Redacted<string> },
  names: { readonly certificate: string; readonly key: string },
): Promise<Signer> {
  const [der] = certificateDers(certificate, names.certificate);
  const issuer = decode(der, names.certificate);
  const signing = await parsePrivateKey(key, names.key);
  return {
    pem: toPem(CERTIFICATE, der),
    info: await parseCertificate(certificate, names.certificate),
    selfSigned: issuer.issuer.isEqual(issuer.subject) && (await issuer.verify(issuer, pkiEngine()).catch(() => false)),
    keyMatches: await signsFor(signing, issuer),
    sign: (request) => signLeaf(request, issuer, signing),
  };
}

async function signLeaf(
  request: LeafRequest,
  issuer: pkijs.Certificate,
  { key, hash }: SigningKey,
): Promise<SignedLeaf> {
  const leaf = await draft({
    ...request,
    serial: randomSerial(),
    subject: toName([[OID.commonName, request.commonName]]),
    issuer: issuer.subject,
  });
  const usage = request.publicKey.algorithm.name === "ECDSA" ? USAGE.ecdsaLeaf : USAGE.rsaLeaf;
  leaf.extensions = [
    extension(OID.basicConstraints, new pkijs.BasicConstraints({ cA: false }).toSchema(), { critical: true }),
    extension(OID.keyUsage, usageBits(usage), { critical: true }),
    extension(OID.extKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes: [OID.serverAuth, OID.clientAuth] }).toSchema()),
    extension(OID.subjectKeyId, new asn1js.OctetString({ valueHex: await keyIdOf(leaf) })),
    extension(OID.authorityKeyId, await authorityKeyId(issuer)),
    extension(OID.subjectAltName, alternativeNames(request)),
  ];
  await leaf.sign(key, hash, pkiEngine());
  const der = derOf(leaf);
  return { pem: toPem(CERTIFICATE, der), info: { ...readInfo(leaf), fingerprint: await fingerprintOf(der) } };
}

interface Draft {
  readonly serial: Bytes;
  readonly subject: pkijs.RelativeDistinguishedNames;
  readonly issuer: pkijs.RelativeDistinguishedNames;
  readonly publicKey: CryptoKey;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

async function draft({ serial, subject, issuer, publicKey, notBefore, notAfter }: Draft): Promise<pkijs.Certificate> {
  const certificate = new pkijs.Certificate({
    version: 2,
    serialNumber: new asn1js.Integer({ valueHex: serial.buffer }),
    subject,
    issuer,
    notBefore: toTime(notBefore),
    notAfter: toTime(notAfter),
  });
  await certificate.subjectPublicKeyInfo.importKey(publicKey, pkiEngine());
  return certificate;
}

// X.509 counts whole seconds. Rounding down keeps a leaf inside the life of its issuer.
function toTime(at: Millis): pkijs.Time {
  const value = new Date(Math.floor(at / 1000) * 1000);
  return new pkijs.Time({ type: value.getUTCFullYear() < FIRST_GENERALIZED_YEAR ? 0 : 1, value });
}

/** 128 random bits, positive: a zero byte stands before a first byte that would read as negative. */
function randomSerial(): Bytes {
  const random = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  const first = random[0] ?? 0;
  if (first === 0) return randomSerial(); // DER allows no leading zero byte
  return first < 0x80 ? random : Uint8Array.of(0, ...random);
}

function usageBits({ bits, unused }: { readonly bits: number; readonly unused: number }): asn1js.BitString {
  return new asn1js.BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: unused });
}

async function keyIdOf({ subjectPublicKeyInfo }: pkijs.Certificate): Promise<ArrayBuffer> {
  const hash = await crypto.subtle.digest(
    "SHA-256",
    Uint8Array.from(subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView),
  );
  return hash.slice(0, KEY_ID_BYTES);
}

async function authorityKeyId(issuer: pkijs.Certificate): Promise<asn1js.Sequence> {
  const stated = extensionValue(issuer, OID.subjectKeyId);
  const keyIdentifier =
    stated instanceof asn1js.OctetString ? stated : new asn1js.OctetString({ valueHex: await keyIdOf(issuer) });
  return new pkijs.AuthorityKeyIdentifier({ keyIdentifier }).toSchema();
}

async function signsFor({ key, hash }: SigningKey, certificate: pkijs.Certificate): Promise<boolean> {
  try {
    const parameters = { name: key.algorithm.name, hash };
    const spki = certificate.subjectPublicKeyInfo.toSchema().toBER();
    const importAs = {
      ...parameters,
      ...("namedCurve" in key.algorithm ? { namedCurve: String(key.algorithm.namedCurve) } : {}),
    };
    const publicKey = await crypto.subtle.importKey("spki", spki, importAs, false, ["verify"]);
    const challenge = crypto.getRandomValues(new Uint8Array(32));
    return await crypto.subtle.verify(
      parameters,
      publicKey,
      await crypto.subtle.sign(parameters, key, challenge),
      challenge,
    );
  } catch {
    return false; // a key of another algorithm or curve cannot even be tried
  }
}

// By hand around the signed bytes: pkijs would read and write all of them again, a third of the cost of a leaf.
function derOf({ tbsView, signatureAlgorithm, signatureValue }: pkijs.Certificate): Bytes {
  const parts = [tbsView, signatureAlgorithm.toSchema().toBER(), signatureValue.toBER()].map(
    (part) => new Uint8Array(part),
  );
  return tlv(SEQUENCE, ...parts);
}
