/**
 * Certificate requests (PKCS#10) by pkijs: makes ours, reads those of others.
 *
 * @module
 */
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { parsePem, toPem, Unreadable } from "./pem.ts";
import { alternativeNames, extension, toName } from "./pki-names.ts";
import { NAME_TYPE, OID } from "./pki-oid.ts";
import { pkiEngine, wholeValue } from "./pki-read.ts";

const LABEL = "CERTIFICATE REQUEST";
/** As OpenSSL called them once, and Windows still does. */
const LABELS: readonly string[] = [LABEL, "NEW CERTIFICATE REQUEST"];
const KEYS: Readonly<Record<string, EcKeyImportParams | RsaHashedImportParams>> = {
  [OID.p256]: { name: "ECDSA", namedCurve: "P-256" },
  [OID.p384]: { name: "ECDSA", namedCurve: "P-384" },
  [OID.rsa]: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};
/** A request has one key and a handful of names. */
const MAX_BYTES = 16_384;

/** What a request asks for. Its signature proves that whoever made it has the key, and nothing else. */
export interface CertificateRequest {
  readonly commonNames: readonly string[];
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  /** Alternative names of other types, such as addresses. */
  readonly otherSans: number;
  readonly publicKey: CryptoKey;
}

/** Makes a request in PEM for exactly these names. */
export async function createRequest({
  commonName,
  publicKey,
  privateKey,
  ...sans
}: {
  readonly commonName: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}): Promise<string> {
  const request = new pkijs.CertificationRequest({ version: 0, subject: toName([[OID.commonName, commonName]]) });
  await request.subjectPublicKeyInfo.importKey(publicKey, pkiEngine());
  const extensions = new pkijs.Extensions({ extensions: [extension(OID.subjectAltName, alternativeNames(sans))] });
  request.attributes = [new pkijs.Attribute({ type: OID.extensionRequest, values: [extensions.toSchema()] })];
  await request.sign(privateKey, "SHA-256", pkiEngine());
  return toPem(LABEL, new Uint8Array(request.toSchema(true).toBER()));
}

/**
 * Reads a request and checks that it was signed by the key that it holds.
 *
 * @param what - How messages call it.
 * @throws Unreadable. Nothing of the request is trusted beyond its key: names come from the proven identity.
 */
export async function parseRequest(pem: string, what: string): Promise<CertificateRequest> {
  const blocks = parsePem(pem, what);
  const wanted = blocks.filter(({ label }) => LABELS.includes(label));
  const [block, another] = wanted;
  if (block === undefined) {
    throw new Unreadable(what, { kind: "block-missing", expected: LABEL, found: blocks.map(({ label }) => label) });
  }
  if (another !== undefined) throw broken(what, `there are ${wanted.length} of them`);
  if (block.der.length > MAX_BYTES) throw broken(what, `it has ${block.der.length} bytes, and ${MAX_BYTES} are read`);
  return await guarded(what, () => readRequest(block.der));
}

async function readRequest(der: Uint8Array<ArrayBuffer>): Promise<CertificateRequest> {
  const request = new pkijs.CertificationRequest({ schema: wholeValue(der) });
  const publicKey = await publicKeyOf(request);
  if (!(await request.verify(pkiEngine()))) throw new Error("it was not signed by the key that it holds");
  const names = namesOf(request);
  const pick = (type: number) => names.filter((one) => one.type === type).map(({ value }) => String(value));
  const [dnsSans, uriSans] = [pick(NAME_TYPE.dns), pick(NAME_TYPE.uri)];
  const commonNames = request.subject.typesAndValues.filter(({ type }) => type === OID.commonName);
  return {
    commonNames: commonNames.map(({ value }) => String(value.valueBlock.value)),
    dnsSans,
    uriSans,
    otherSans: names.length - dnsSans.length - uriSans.length,
    publicKey,
  };
}

async function publicKeyOf({ subjectPublicKeyInfo }: pkijs.CertificationRequest): Promise<CryptoKey> {
  const { algorithmId, algorithmParams } = subjectPublicKeyInfo.algorithm;
  const curve = algorithmParams instanceof asn1js.ObjectIdentifier ? algorithmParams.valueBlock.toString() : "";
  const parameters = KEYS[algorithmId === OID.ecdsa ? curve : algorithmId];
  if (parameters === undefined) throw new Error("its key is neither ECDSA P-256 or P-384 nor RSA");
  const spki = subjectPublicKeyInfo.toSchema().toBER();
  const key = await crypto.subtle.importKey("spki", spki, parameters, true, ["verify"]);
  const bits = "modulusLength" in key.algorithm ? Number(key.algorithm.modulusLength) : undefined;
  if (bits !== undefined && (bits < 2048 || bits > 8192))
    throw new Error(`its RSA key has ${bits} bits, not 2048 to 8192`);
  return key;
}

function namesOf({ attributes = [] }: pkijs.CertificationRequest): readonly pkijs.GeneralName[] {
  return attributes
    .filter(({ type }) => type === OID.extensionRequest)
    .flatMap(({ values }) => values)
    .flatMap((schema) => new pkijs.Extensions({ schema }).extensions)
    .filter(({ extnID }) => extnID === OID.subjectAltName)
    .flatMap(({ extnValue }) => {
      const { result } = asn1js.fromBER(Uint8Array.from(extnValue.valueBlock.valueHexView));
      return new pkijs.GeneralNames({ schema: result }).names;
    });
}

async function guarded<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw broken(what, (cause instanceof Error ? cause.message : String(cause)).slice(0, 200), { cause });
  }
}

function broken(what: string, detail: string, options?: ErrorOptions): Unreadable {
  return new Unreadable(what, { kind: "block-broken", label: LABEL, detail }, options);
}
