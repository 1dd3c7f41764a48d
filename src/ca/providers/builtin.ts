/**
 * The built-in provider: a self-signed root whose key this process holds, as OSM's Tresor was.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { Redacted } from "../../core/base/redacted.ts";
import type { Signer } from "../certificate.ts";
import { type KeyKind, P256 } from "../keys.ts";
import { Unreadable } from "../pem.ts";
import { createRoot, openSigner } from "../pki.ts";
import { parseCertificate, splitChain } from "../pki-read.ts";
import type { CertificateProvider, ChainRequest, IssuedChain } from "../provider.ts";
import { IssueRefused, RootRefused } from "../refusal.ts";

/** Ten years, as OSM's. */
export const ROOT_LIFE: Millis = 87_600 * 3_600_000;
/** For machines whose clocks are behind the one that made the root. */
const ROOT_BACKDATE: Millis = 3_600_000;
/** OSM's names, which its users know from `openssl x509 -text`. */
const COMMON_NAME = "osm-ca.openservicemesh.io";
const ORGANIZATION = "Open Service Mesh";
const KEYS = { certificate: "ca.crt", privateKey: "private.key", expiration: "expiration" } as const;

/** A root as it is stored. */
export interface RootMaterial {
  /** PEM. */
  readonly certificate: string;
  /** PEM: PKCS#8, PKCS#1 or SEC1. */
  readonly privateKey: Redacted<string>;
}

/** Makes a new root. */
export async function makeRoot({
  now,
  life = ROOT_LIFE,
  key = P256,
}: {
  readonly now: Millis;
  readonly life?: Millis;
  readonly key?: KeyKind;
}): Promise<RootMaterial> {
  const validity = { notBefore: now - ROOT_BACKDATE, notAfter: now + life };
  const made = await createRoot({ commonName: COMMON_NAME, organization: ORGANIZATION, key, ...validity });
  return { certificate: made.certificate, privateKey: made.key };
}

/**
 * The data of the Secret `osm-ca-bundle`, as text. In OSM's format, so that OSM could take the mesh back.
 *
 * The result holds the private key in the clear: write it and forget it.
 */
export async function toSecretData(root: RootMaterial): Promise<Readonly<Record<string, string>>> {
  const { notAfter } = await parseCertificate(root.certificate, KEYS.certificate);
  return {
    [KEYS.certificate]: root.certificate,
    [KEYS.privateKey]: root.privateKey.reveal(),
    [KEYS.expiration]: new Date(notAfter).toISOString(),
  };
}

/** The inverse of `toSecretData`. `expiration` is not read: the certificate says it. @throws RootRefused if a key is missing. */
export function fromSecretData(data: Readonly<Record<string, string>>): RootMaterial {
  const [certificate, privateKey] = [KEYS.certificate, KEYS.privateKey].map((key) => {
    const value = data[key];
    if (value !== undefined && value !== "") return value;
    throw new RootRefused({
      kind: "unreadable",
      what: key,
      detail: `the root has no "${key}"; give both ca.crt and private.key`,
    });
  });
  return { certificate: certificate ?? "", privateKey: new Redacted(privateKey ?? "") };
}

/**
 * Opens a root for signing.
 *
 * @throws RootRefused if it cannot sign now.
 */
export async function openBuiltin(root: RootMaterial, now: () => Millis): Promise<CertificateProvider> {
  const signer = await readRoot(root);
  checkRoot(signer, now());
  const issuerId = signer.info.fingerprint;
  const bundle = [signer.pem];
  return {
    issuerId,
    trustBundle: () => bundle,
    async issue(request: ChainRequest): Promise<IssuedChain> {
      const { pem, info } = await signer.sign(within(signer, request, now()));
      return { chain: [pem], leaf: info, issuerId };
    },
  };
}

async function readRoot(root: RootMaterial): Promise<Signer> {
  try {
    const { length } = splitChain(root.certificate, KEYS.certificate);
    if (length > 1) throw new RootRefused({ kind: "several-certificates", count: length });
    const names = { certificate: KEYS.certificate, key: KEYS.privateKey };
    return await openSigner({ certificate: root.certificate, key: root.privateKey }, names);
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    throw new RootRefused({ kind: "unreadable", what: cause.what, detail: cause.message }, { cause });
  }
}

// In the order in which an operator can do something about it: a wrong pair of files first, the clock last.
function checkRoot({ info, keyMatches, selfSigned }: Signer, now: Millis): void {
  const { subject, issuer, notBefore, notAfter, isAuthority } = info;
  if (!keyMatches) throw new RootRefused({ kind: "key-mismatch", subject });
  if (!isAuthority) throw new RootRefused({ kind: "not-authority", subject });
  if (!selfSigned) throw new RootRefused({ kind: "not-self-signed", subject, issuer });
  if (now >= notAfter) throw new RootRefused({ kind: "expired", subject, notAfter, now });
  if (now < notBefore) throw new RootRefused({ kind: "not-yet-valid", subject, notBefore, now });
}

// A leaf never outlives its issuer: peers would refuse the chain while the leaf still looks good.
function within({ info }: Signer, request: ChainRequest, now: Millis): ChainRequest {
  const { subject: issuer, notBefore, notAfter } = info;
  if (now >= notAfter) throw new IssueRefused({ kind: "issuer-expired", issuer, notAfter });
  if (now < notBefore) throw new IssueRefused({ kind: "issuer-not-yet-valid", issuer, notBefore });
  return {
    ...request,
    notBefore: Math.max(request.notBefore, notBefore),
    notAfter: Math.min(request.notAfter, notAfter),
  };
}
