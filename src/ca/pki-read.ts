/**
 * X.509 by pkijs: reads certificates, and says which was signed by which.
 *
 * Whatever pkijs or the runtime throws over bytes from outside leaves here as `Unreadable`.
 *
 * @module
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import type { Millis } from "../core/base/millis.ts";
import type { CertificateInfo } from "./certificate.ts";
import { parsePem, toHex, toPem, Unreadable } from "./pem.ts";
import { NAME_TYPE, OID } from "./pki-oid.ts";

const CERTIFICATE = "CERTIFICATE";
const ATTRIBUTES: Readonly<Record<string, string>> = {
  [OID.commonName]: "CN",
  [OID.serialNumber]: "serialNumber",
  [OID.organization]: "O",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.11": "OU",
};
const CURVES: Readonly<Record<string, string>> = { [OID.p256]: "P-256", [OID.p384]: "P-384" };
const KEY_CERT_SIGN = 0b0000_0100;
const CONTEXT_TAG = 3;

type Bytes = Uint8Array<ArrayBuffer>;

/** A certificate that can be asked for its place in a chain. */
export interface ChainLink {
  /** Itself alone. */
  readonly pem: string;
  readonly info: CertificateInfo;
  /** How many authorities may stand between it and a leaf; undefined: any number. */
  readonly pathLength: number | undefined;
  /** Its purposes, where it states some, are those of a TLS server and of a TLS client. */
  readonly forTls: boolean;
  /** SubjectPublicKeyInfo, DER in lower-case hexadecimal. */
  readonly publicKey: string;
  /** Whether the name of the issuer and the signature are the other's. */
  isSignedBy(issuer: ChainLink): Promise<boolean>;
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

/** All certificates of a PEM text. @throws Unreadable if there is none, or one cannot be read. */
export async function parseChain(pem: string, what: string): Promise<readonly [ChainLink, ...ChainLink[]]> {
  const [first, ...rest] = certificateDers(pem, what);
  return [await readLink(first, what), ...(await Promise.all(rest.map((der) => readLink(der, what))))];
}

const decoded = new WeakMap<ChainLink, pkijs.Certificate>();

async function readLink(der: Bytes, what: string): Promise<ChainLink> {
  const certificate = decode(der, what);
  const fingerprint = await fingerprintOf(der);
  const link = guarded(what, (): ChainLink => {
    const constraints = extensionValue(certificate, OID.basicConstraints);
    const { pathLenConstraint } = new pkijs.BasicConstraints(constraints && { schema: constraints });
    return {
      pem: toPem(CERTIFICATE, der),
      info: { ...readInfo(certificate), fingerprint },
      pathLength: typeof pathLenConstraint === "number" ? pathLenConstraint : undefined,
      forTls: isForTls(certificate),
      publicKey: toHex(new Uint8Array(certificate.subjectPublicKeyInfo.toSchema().toBER())),
      isSignedBy: async (issuer) => {
        const by = decoded.get(issuer);
        if (by === undefined || !certificate.issuer.isEqual(by.subject)) return false;
        return await certificate.verify(by, pkiEngine()).catch(() => false);
      },
    };
  });
  decoded.set(link, certificate);
  return link;
}

/** pkijs's engine, handed over in every call. */
export function pkiEngine(): pkijs.CryptoEngine {
  return new pkijs.CryptoEngine({ name: "webcrypto", crypto });
}

export function certificateDers(pem: string, what: string): readonly [Bytes, ...Bytes[]] {
  const blocks = parsePem(pem, what);
  const [first, ...rest] = blocks.filter(({ label }) => label === CERTIFICATE).map(({ der }) => der);
  if (first !== undefined) return [first, ...rest];
  throw new Unreadable(what, { kind: "block-missing", expected: CERTIFICATE, found: blocks.map(({ label }) => label) });
}

export function decode(der: Bytes, what: string): pkijs.Certificate {
  return guarded(what, () => {
    const certificate = new pkijs.Certificate({ schema: wholeValue(der) });
    const oids = (certificate.extensions ?? []).map(({ extnID }) => extnID);
    if (new Set(oids).size !== oids.length) throw new Error("it has an extension twice");
    return certificate;
  });
}

/** The one value that the bytes are. @throws Error */
export function wholeValue(der: Bytes): asn1js.AsnType {
  const { offset, result } = asn1js.fromBER(der);
  // asn1js reads on where the outermost length is too small, and TLS stacks do not.
  const { idBlock, lenBlock } = result;
  const stated = idBlock.blockLength + lenBlock.blockLength + lenBlock.length;
  if (offset !== der.length || stated !== der.length) throw new Error("it is cut off, or followed by other bytes");
  return result;
}

function guarded<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Unreadable(what, { kind: "certificate-broken", detail: detail.slice(0, 200) }, { cause });
  }
}

export async function fingerprintOf(der: Bytes): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", der)));
}

export function readInfo(certificate: pkijs.Certificate): Omit<CertificateInfo, "fingerprint"> {
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

export function extensionValue({ extensions }: pkijs.Certificate, oid: string): asn1js.BaseBlock | undefined {
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

function isForTls(certificate: pkijs.Certificate): boolean {
  const schema = extensionValue(certificate, OID.extKeyUsage);
  if (schema === undefined) return true;
  const { keyPurposes } = new pkijs.ExtKeyUsage({ schema });
  return keyPurposes.includes(OID.serverAuth) && keyPurposes.includes(OID.clientAuth);
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
