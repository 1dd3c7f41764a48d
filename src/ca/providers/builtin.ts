/**
 * The built-in provider: an authority whose key this process holds, as OSM's Tresor was.
 *
 * It is a self-signed root or, as `ca.crt`, an intermediate followed by its issuers up to the root. Proxies then trust
 * the root, and are served the intermediate with every leaf.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { Redacted } from "../../core/base/redacted.ts";
import type { CertificateInfo, Signer } from "../certificate.ts";
import { buildChain, type Chain } from "../chain.ts";
import { type KeyKind, P256 } from "../keys.ts";
import { Unreadable } from "../pem.ts";
import { createRoot, openSigner } from "../pki.ts";
import { type ChainLink, parseCertificate, parseChain } from "../pki-read.ts";
import type { CertificateProvider, ChainRequest, IssuedChain } from "../provider.ts";
import { IssueRefused, RootRefused } from "../refusal.ts";

/** Ten years, as OSM's. */
export const ROOT_LIFE: Millis = 87_600 * 3_600_000;
/** For machines whose clocks are behind the one that made the root. */
const ROOT_BACKDATE: Millis = 3_600_000;
/** OSM's names, which its users know from `openssl x509 -text`. */
const COMMON_NAME = "osm-ca.openservicemesh.io";
const ORGANIZATION = "Open Service Mesh";
/** Of which the private key is tried on each. */
const MOST_CERTIFICATES = 16;
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
 * Opens a root, or an intermediate with its chain, for signing.
 *
 * @throws RootRefused if it cannot sign now, or nobody could follow its chain.
 */
export async function openBuiltin(root: RootMaterial, now: () => Millis): Promise<CertificateProvider> {
  const { signer, links } = await readRoot(root);
  const chain = await chainOf(signer, links);
  checkValidity([signer, ...chain.intermediates, chain.root], now());
  const issuerId = chain.root.info.fingerprint;
  const bundle = [chain.root.pem];
  // What a peer needs between leaf and root: nothing if the root itself signs.
  const served = signer.info.fingerprint === issuerId ? [] : [signer, ...chain.intermediates].map(({ pem }) => pem);
  return {
    name: "builtin",
    issuerId,
    issuerEnds: () => chain.notAfter,
    trustBundle: () => bundle,
    async issue(request: ChainRequest): Promise<IssuedChain> {
      const { pem, info } = await signer.sign(within(signer, chain, request, now()));
      return { chain: [pem, ...served], leaf: info, issuerId };
    },
  };
}

interface ReadRoot {
  readonly signer: Signer;
  readonly links: readonly [ChainLink, ...ChainLink[]];
}

async function readRoot({ certificate, privateKey }: RootMaterial): Promise<ReadRoot> {
  try {
    const links = await parseChain(certificate, KEYS.certificate);
    const open = ({ pem }: ChainLink): Promise<Signer> =>
      openSigner({ certificate: pem, key: privateKey }, { certificate: KEYS.certificate, key: KEYS.privateKey });
    const first = await open(links[0]);
    if (first.keyMatches) return { signer: first, links };
    // Some tools write the root first.
    for (const link of links.slice(1, MOST_CERTIFICATES)) {
      const signer = await open(link);
      if (signer.keyMatches) return { signer, links };
    }
    throw new RootRefused({ kind: "key-mismatch", subject: first.info.subject });
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    throw new RootRefused({ kind: "unreadable", what: cause.what, detail: cause.message }, { cause });
  }
}

// In the order in which an operator can do something about it: a wrong pair of files first, the clock last.
async function chainOf({ info }: Signer, links: readonly ChainLink[]): Promise<Chain> {
  const { subject, fingerprint } = info;
  if (!info.isAuthority) throw new RootRefused({ kind: "not-authority", subject });
  const own = links.find((link) => link.info.fingerprint === fingerprint);
  if (own === undefined) throw new Error("the signer is not among the certificates that it was taken from");
  const built = await buildChain(own, links);
  if ("trouble" in built) throw new RootRefused({ kind: "chain-broken", trouble: built.trouble });
  const [stranger] = built.chain.unused;
  if (stranger !== undefined) {
    throw new RootRefused({ kind: "not-in-chain", subject: stranger.info.subject, signer: subject });
  }
  return built.chain;
}

function checkValidity(issuers: readonly { readonly info: CertificateInfo }[], now: Millis): void {
  for (const { info } of issuers) {
    const { subject, notBefore, notAfter } = info;
    if (now >= notAfter) throw new RootRefused({ kind: "expired", subject, notAfter, now });
    if (now < notBefore) throw new RootRefused({ kind: "not-yet-valid", subject, notBefore, now });
  }
}

// A leaf never outlives its issuers: peers would refuse the chain while the leaf still looks good.
function within({ info }: Signer, { notBefore, notAfter }: Chain, request: ChainRequest, now: Millis): ChainRequest {
  const issuer = info.subject;
  if (now >= notAfter) throw new IssueRefused({ kind: "issuer-expired", issuer, notAfter });
  if (now < notBefore) throw new IssueRefused({ kind: "issuer-not-yet-valid", issuer, notBefore });
  return {
    ...request,
    notBefore: Math.max(request.notBefore, notBefore),
    notAfter: Math.min(request.notAfter, notAfter),
  };
}
