/**
 * X.509 by pkijs: makes a root, signs leaves, reads certificates.
 *
 * The only file that imports pkijs. Its process-wide engine is not used: the engine is an argument of every call.
 * Whatever pkijs or the runtime throws over bytes from outside leaves here as `Unreadable`.
 *
 * @module
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import type { Millis } from "../core/base/millis.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { CertificateInfo, LeafRequest, RootRequest, SignedLeaf, Signer } from "./certificate.ts";
import { tlv } from "./der.ts";
import { makeKeyPair, toKeyPem } from "./keys.ts";
import { parsePem, toHex, toPem, Unreadable } from "./pem.ts";
import { parsePrivateKey, type SigningKey } from "./private-key.ts";

const OID = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  organization: "2.5.4.10",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  rsa: "1.2.840.113549.1.1.1",
  ecdsa: "1.2.840.10045.2.1",
} as const;
const ATTRIBUTES: Readonly<Record<string, string>> = {
  [OID.commonName]: "CN",
  [OID.serialNumber]: "serialNumber",
  [OID.organization]: "O",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.11": "OU",
};
const CURVES: Readonly<Record<string, string>> = { "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384" };
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
const KEY_CERT_SIGN = 0b0000_0100;
const CONTEXT_TAG = 3;
const NAME_TYPE = { dns: 2, uri: 6 } as const;
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
  await root.sign(privateKey, "SHA-256", engine());
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
    selfSigned: issuer.issuer.isEqual(issuer.subject) && (await issuer.verify(issuer, engine()).catch(() => false)),
    keyMatches: await signsFor(signing, issuer),
    sign: (request) => signLeaf(request, issuer, signing),
  };
}

/** The certificates of a PEM text, each as its own PEM. @throws Unreadable if there is none, or one cannot be read. */
export function splitChain(pem: string, what: string): readonly [string, ...string[]] {
  const [first, ...rest] = certificateDers(pem, what);
  for (const der of [first, ...rest]) decode(der, what);
  return [toPem(CERTIFICATE, first), ...rest.map((der) => toPem(CERTIFICATE, der))];
}

/** Reads the first certificate of a PEM text. @throws Unreadable */
export async function parseCertificate(pem: string, what: string): Promise<CertificateInfo> {
  const [der] = certificateDers(pem, what);
  const certificate = decode(der, what);
  const fingerprint = await fingerprintOf(der);
  return guarded(what, () => ({ ...readInfo(certificate), fingerprint }));
}

function certificateDers(pem: string, what: string): readonly [Bytes, ...Bytes[]] {
  const blocks = parsePem(pem, what);
  const [first, ...rest] = blocks.filter(({ label }) => label === CERTIFICATE).map(({ der }) => der);
  if (first !== undefined) return [first, ...rest];
  throw new Unreadable(what, { kind: "block-missing", expected: CERTIFICATE, found: blocks.map(({ label }) => label) });
}

function engine(): pkijs.CryptoEngine {
  return new pkijs.CryptoEngine({ name: "webcrypto", crypto });
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
  await leaf.sign(key, hash, engine());
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
  await certificate.subjectPublicKeyInfo.importKey(publicKey, engine());
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

function toName(attributes: readonly (readonly [oid: string, value: string])[]): pkijs.RelativeDistinguishedNames {
  const typesAndValues = attributes.map(([type, value]) => {
    const text = type === OID.serialNumber ? new asn1js.PrintableString({ value }) : new asn1js.Utf8String({ value });
    return new pkijs.AttributeTypeAndValue({ type, value: text });
  });
  if (typesAndValues.length === 1) return new pkijs.RelativeDistinguishedNames({ typesAndValues });
  // Through DER and back: built from several, pkijs would put all of them into one set, which is another name.
  const sets = typesAndValues.map((one) => new asn1js.Set({ value: [one.toSchema()] }));
  const { result } = asn1js.fromBER(new asn1js.Sequence({ value: sets }).toBER());
  return new pkijs.RelativeDistinguishedNames({ schema: result });
}

function extension(extnID: string, value: asn1js.BaseBlock, { critical = false } = {}): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
}

function usageBits({ bits, unused }: { readonly bits: number; readonly unused: number }): asn1js.BitString {
  return new asn1js.BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: unused });
}

function alternativeNames({ dnsSans, uriSans }: LeafRequest): asn1js.Sequence {
  const names = [
    ...dnsSans.map((value) => new pkijs.GeneralName({ type: NAME_TYPE.dns, value })),
    ...uriSans.map((value) => new pkijs.GeneralName({ type: NAME_TYPE.uri, value })),
  ];
  return new pkijs.GeneralNames({ names }).toSchema();
}

async function fingerprintOf(der: Bytes): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", der)));
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

function decode(der: Bytes, what: string): pkijs.Certificate {
  return guarded(what, () => {
    const { offset, result } = asn1js.fromBER(der);
    // asn1js reads on where the outermost length is too small, and TLS stacks do not.
    const { idBlock, lenBlock } = result;
    const stated = idBlock.blockLength + lenBlock.blockLength + lenBlock.length;
    if (offset !== der.length || stated !== der.length) throw new Error("it is cut off, or followed by other bytes");
    const certificate = new pkijs.Certificate({ schema: result });
    const oids = (certificate.extensions ?? []).map(({ extnID }) => extnID);
    if (new Set(oids).size !== oids.length) throw new Error("it has an extension twice");
    return certificate;
  });
}

function guarded<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Unreadable(what, { kind: "certificate-broken", detail: detail.slice(0, 200) }, { cause });
  }
}

function readInfo(certificate: pkijs.Certificate): Omit<CertificateInfo, "fingerprint"> {
  const sans = alternativeNamesOf(certificate);
  const [commonName, another] = certificate.subject.typesAndValues.filter(({ type }) => type === OID.commonName);
  return {
    serial: toHex(certificate.serialNumber.valueBlock.valueHexView).replace(/^(?:00)+(?=..)/, ""),
    commonName: another === undefined ? commonName && attributeText(commonName) : undefined,
    subject: nameText(certificate.subject),
    issuer: nameText(certificate.issuer),
    dnsSans: sans.filter(({ type }) => type === NAME_TYPE.dns).map(({ value }) => value),
    uriSans: sans.filter(({ type }) => type === NAME_TYPE.uri).map(({ value }) => value),
    notBefore: instantOf(certificate.notBefore),
    notAfter: instantOf(certificate.notAfter),
    keyAlgorithm: keyAlgorithmOf(certificate),
    isAuthority: isAuthority(certificate),
  };
}

function instantOf({ value }: pkijs.Time): Millis {
  const at = value.getTime();
  if (Number.isNaN(at)) throw new Error("a date of its validity cannot be read");
  return at;
}

function extensionValue({ extensions }: pkijs.Certificate, oid: string): asn1js.BaseBlock | undefined {
  const found = extensions?.find(({ extnID }) => extnID === oid);
  return found && asn1js.fromBER(Uint8Array.from(found.extnValue.valueBlock.valueHexView)).result;
}

// By hand: pkijs takes a millisecond for two names.
function alternativeNamesOf(
  certificate: pkijs.Certificate,
): readonly { readonly type: number; readonly value: string }[] {
  const names = extensionValue(certificate, OID.subjectAltName);
  if (names === undefined) return [];
  if (!(names instanceof asn1js.Sequence)) throw new Error("its alternative names cannot be read");
  return names.valueBlock.value
    .filter((name) => name instanceof asn1js.Primitive)
    .map(({ idBlock, valueBlock }) => ({
      type: idBlock.tagClass === CONTEXT_TAG ? idBlock.tagNumber : -1,
      value: String.fromCharCode(...valueBlock.valueHexView),
    }));
}

function isAuthority(certificate: pkijs.Certificate): boolean {
  const schema = extensionValue(certificate, OID.basicConstraints);
  if (schema === undefined || !new pkijs.BasicConstraints({ schema }).cA) return false;
  const usage = extensionValue(certificate, OID.keyUsage);
  return !(usage instanceof asn1js.BitString) || ((usage.valueBlock.valueHexView[0] ?? 0) & KEY_CERT_SIGN) !== 0;
}

function keyAlgorithmOf({ subjectPublicKeyInfo }: pkijs.Certificate): string {
  const { algorithmId, algorithmParams } = subjectPublicKeyInfo.algorithm;
  if (algorithmId === OID.rsa) {
    const key = subjectPublicKeyInfo.parsedKey;
    if (!(key instanceof pkijs.RSAPublicKey)) throw new Error("its RSA key cannot be read");
    return `RSA ${toHex(key.modulus.valueBlock.valueHexView).replace(/^(?:00)+/, "").length * 4}`;
  }
  if (algorithmId !== OID.ecdsa || !(algorithmParams instanceof asn1js.ObjectIdentifier)) return algorithmId;
  const curve = algorithmParams.valueBlock.toString();
  return `ECDSA ${CURVES[curve] ?? curve}`;
}

function nameText({ typesAndValues }: pkijs.RelativeDistinguishedNames): string {
  return typesAndValues.map((one) => `${ATTRIBUTES[one.type] ?? one.type}=${attributeText(one)}`).join(", ");
}

function attributeText({ value }: pkijs.AttributeTypeAndValue): string {
  return String(value.valueBlock.value);
}
