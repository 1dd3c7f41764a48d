/**
 * What Vault and cert-manager have in common: another authority signs our request, and its answer is not believed.
 *
 * The answer must hold our key, be fit for TLS on both sides, lead by signatures to a root, and that must be the root
 * which the proxies trust: an authority that was given another issuer would cut them off, so its leaves are refused
 * until the mesh's root is rotated. Names and life are checked by `Authority`, as for every provider.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { buildChain, type Chain, describeChainTrouble } from "../chain.ts";
import type { Clock } from "../clock.ts";
import { makeKeyPair, P256 } from "../keys.ts";
import { toHex, Unreadable } from "../pem.ts";
import { type ChainLink, parseChain } from "../pki-read.ts";
import { createRequest } from "../pki-request.ts";
import type { CertificateProvider, ChainRequest, IssuedChain } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import { adsServerName, namesOf } from "../subject.ts";
import { type OutageEvent, OutageWatch } from "./outage.ts";
import { ProviderUnavailable, type UnavailableKind } from "./unavailable.ts";

/** For a leaf that begins a moment later by the other clock; beyond it somebody's clock is wrong. */
const MOST_AHEAD: Millis = 10_000;
/** Kept from the end of the issuer: the other authority counts a life by its own clock. */
const CLOCKS_APART: Millis = 60_000;
const SHORTEST: Millis = 1000;
/** Of the leaf that is thrown away; some authorities give none below an hour. */
const PROBE_LIFE: Millis = 3_600_000;

export interface SignedAnswer {
  /** PEM: the leaf, perhaps followed by its issuers. */
  readonly certificate: string;
  /** PEM texts, each with any number of certificates, in any order. Empty texts are passed over. */
  readonly issuers: readonly string[];
}

/** Another authority. Its functions reject with `ProviderUnavailable`, or `IssueRefused` where one name is refused. */
export interface RemoteSigner {
  /** Such as `vault`. */
  readonly name: string;
  /** For messages, such as `Vault at https://vault:8200`. */
  readonly what: string;
  /** @param life - From now on. */
  sign(request: ChainRequest, life: Millis): Promise<SignedAnswer>;
  /** Asked only where the answer does not lead to a root. */
  moreIssuers(): Promise<readonly string[]>;
  /** What an operator does so that chains lead to a root. */
  readonly chainWayOut: string;
  close(): void;
}

export interface RemoteOptions {
  readonly signer: RemoteSigner;
  readonly trustDomain: string;
  /** PEM: the root that proxies trust already as this authority's, if they do. */
  readonly known?: string | undefined;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Must not throw. */
  readonly onOutage: (event: OutageEvent) => void;
}

/**
 * Opens the provider. If its root is not known yet, it signs a leaf of the control plane's own name, which is thrown
 * away: the root that it leads to is what the mesh trusts from now on. A known one is not asked for anything, so that
 * a control plane can start while it is away.
 *
 * Rejects as `RemoteSigner.sign` does. The signer is then still open, so that it can be tried again.
 */
export async function openRemote(options: RemoteOptions): Promise<CertificateProvider> {
  const { signer, clock } = options;
  const watch = new OutageWatch({ ...options, provider: signer.what, onEvent: options.onOutage });
  const { root, notAfter } = await rootOf(options);
  const { fingerprint: issuerId } = root.info;
  const bundle = [root.pem];
  let ends = notAfter;

  async function issue(asked: ChainRequest): Promise<IssuedChain> {
    // Vault refuses what would outlive its issuer, rather than to give less.
    const notAfter = Math.max(clock.now() + SHORTEST, Math.min(asked.notAfter, ends - CLOCKS_APART));
    const request = asked.notAfter < ends - CLOCKS_APART ? asked : { ...asked, notAfter };
    const { leaf, chain } = await signed(options, request);
    const { fingerprint: got } = chain.root.info;
    if (got !== issuerId) {
      throw new IssueRefused({ kind: "root-changed", provider: signer.what, trusted: issuerId, got });
    }
    await begun(leaf, options);
    ends = chain.notAfter;
    // It is worth nothing once one of its issuers has ended.
    const info = { ...leaf.info, notAfter: Math.min(leaf.info.notAfter, chain.notAfter) };
    if (info.notAfter <= clock.now()) throw unusable(signer, "clock", "the certificate had ended when it came");
    return { chain: [leaf.pem, ...chain.intermediates.map(({ pem }) => pem)], leaf: info, issuerId };
  }

  return {
    name: signer.name,
    issuerId,
    issuerEnds: () => ends,
    trustBundle: () => bundle,
    issue: (request) => watch.run(() => issue(request)),
    outage: () => watch.current(),
    close: () => signer.close(),
  };
}

async function rootOf(options: RemoteOptions): Promise<Pick<Chain, "root" | "notAfter">> {
  if (options.known === undefined) return (await signed(options, await probeRequest(options))).chain;
  const [root] = await parseChain(options.known, "the known root");
  return { root, notAfter: root.info.notAfter };
}

async function probeRequest({ trustDomain, clock }: RemoteOptions): Promise<ChainRequest> {
  const { publicKey, privateKey } = await makeKeyPair(P256);
  const names = namesOf({ kind: "server", dnsNames: [adsServerName(trustDomain)] }, trustDomain);
  const now = clock.now();
  const csr = () => createRequest({ ...names, publicKey, privateKey });
  return { ...names, publicKey, csr, notBefore: now, notAfter: now + PROBE_LIFE };
}

async function signed(
  { signer, clock }: RemoteOptions,
  request: ChainRequest,
): Promise<{ readonly leaf: ChainLink; readonly chain: Chain }> {
  const answer = await signer.sign(request, request.notAfter - clock.now());
  const [leaf, ...others] = await readAnswer(signer, answer);
  const spki = toHex(new Uint8Array(await crypto.subtle.exportKey("spki", request.publicKey)));
  if (leaf.publicKey !== spki) throw unusable(signer, "unusable", "it certified another key than ours");
  if (!leaf.forTls) {
    throw unusable(
      signer,
      "unusable",
      "its certificates are not for TLS servers and clients both (extended key usage)",
    );
  }
  return { leaf, chain: await chainOf(signer, leaf, others) };
}

async function readAnswer(
  signer: RemoteSigner,
  { certificate, issuers }: SignedAnswer,
): Promise<readonly [ChainLink, ...ChainLink[]]> {
  try {
    const [leaf, ...rest] = await parseChain(certificate, "the certificate");
    return [leaf, ...rest, ...(await readIssuers(issuers))];
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    throw unusable(signer, "unusable", `its answer cannot be read: ${cause.message}`, { cause });
  }
}

async function readIssuers(texts: readonly string[]): Promise<readonly ChainLink[]> {
  const links: ChainLink[] = [];
  for (const text of texts) if (text.trim() !== "") links.push(...(await parseChain(text, "an issuer")));
  return links;
}

async function chainOf(signer: RemoteSigner, leaf: ChainLink, others: readonly ChainLink[]): Promise<Chain> {
  const known = await buildChain(leaf, others);
  if ("chain" in known) return known.chain;
  const built =
    known.trouble.kind === "issuer-missing"
      ? await buildChain(leaf, [...others, ...(await readIssuers(await signer.moreIssuers()))])
      : known;
  if ("chain" in built) return built.chain;
  const detail = `its certificates lead to no root: ${describeChainTrouble(built.trouble)}`;
  throw new ProviderUnavailable({ provider: signer.what, kind: "unusable", detail, wayOut: signer.chainWayOut });
}

/** Waits for the moment from which the leaf is valid, if that is near. */
async function begun({ info }: ChainLink, { signer, clock }: RemoteOptions): Promise<void> {
  const ahead = info.notBefore - clock.now();
  if (ahead <= 0) return;
  if (ahead > MOST_AHEAD) {
    throw unusable(signer, "clock", `its certificates begin ${Math.ceil(ahead / 1000)} s from now`);
  }
  await new Promise<void>((resolve) => clock.schedule(info.notBefore, resolve));
}

const WAYS_OUT = {
  clock: "check both machines' clocks",
  unusable: "let it sign our request as it is",
} as const satisfies Partial<Record<UnavailableKind, string>>;

function unusable(
  { what: provider }: RemoteSigner,
  kind: keyof typeof WAYS_OUT,
  detail: string,
  options?: ErrorOptions,
): ProviderUnavailable {
  return new ProviderUnavailable({ provider, kind, detail, wayOut: WAYS_OUT[kind] }, options);
}
