/**
 * Issues leaves: names from the proven identity, key made here, signature by the provider, result checked.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { compareText } from "../core/base/ref.ts";
import type { CertificateInfo } from "./certificate.ts";
import { type KeyKind, makeKeyPair, P256, toKeyPem } from "./keys.ts";
import { type Leaf, leafVersion } from "./leaf.ts";
import { type CertificateRequest, createRequest, parseRequest } from "./pki-request.ts";
import type { CertificateProvider, ChainRequest, Outage } from "./provider.ts";
import { IssueRefused } from "./refusal.ts";
import { backdateOf } from "./renewal.ts";
import { type LeafNames, type LeafSubject, namesOf } from "./subject.ts";

const SECOND: Millis = 1000;
const LEAST_TOLERANCE: Millis = 60_000;

export interface AuthorityOptions {
  readonly provider: CertificateProvider;
  readonly trustDomain: string;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => Millis;
  /** Of leaves; the root has its own. */
  readonly keys?: KeyKind;
}

export class Authority {
  readonly trustDomain: string;
  readonly #provider: CertificateProvider;
  readonly #now: () => Millis;
  readonly #keys: KeyKind;

  constructor({ provider, trustDomain, now, keys = P256 }: AuthorityOptions) {
    this.trustDomain = trustDomain;
    this.#provider = provider;
    this.#now = now;
    this.#keys = keys;
  }

  /** The root that new leaves lead to. */
  get issuerId(): string {
    return this.#provider.issuerId;
  }

  /** When the first of the issuers of new leaves ends. Epoch milliseconds. */
  get issuerEnds(): Millis {
    return this.#provider.issuerEnds();
  }

  /** Which provider signs, and since when it does not, if so. */
  providerState(): { readonly provider: string; readonly outage: Outage | undefined } {
    return { provider: this.#provider.name, outage: this.#provider.outage?.() };
  }

  /** PEM roots that peers are to trust. */
  trustBundle(): readonly string[] {
    return this.#provider.trustBundle();
  }

  /**
   * Issues a leaf to an identity that the caller has proven.
   *
   * @param life - From now on, at least a second. A provider may give less; the leaf's own dates tell.
   * @throws IssueRefused if asking again is of no use; any other error means that the provider could not be asked.
   */
  async issue(subject: LeafSubject, life: Millis): Promise<Leaf> {
    const names = namesOf(subject, this.trustDomain);
    const { publicKey, privateKey } = await makeKeyPair(this.#keys);
    const csr = () => createRequest({ ...names, publicKey, privateKey });
    const signed = await this.#sign({ ...names, publicKey, csr }, life);
    return { ...signed, key: await toKeyPem(privateKey) };
  }

  /**
   * Signs the key of an identity that the caller has proven, and that keeps its key to itself.
   *
   * Of the request nothing counts but the key: names come from the identity. A request that asks for another name is
   * refused rather than corrected, since whoever made it takes itself for somebody else.
   *
   * @param request - PKCS#10 in PEM.
   * @throws Unreadable if the request cannot be read; otherwise as `issue`.
   */
  async sign(subject: LeafSubject, request: string, life: Millis): Promise<Omit<Leaf, "key">> {
    const names = namesOf(subject, this.trustDomain);
    const asked = await parseRequest(request, "the certificate request");
    checkAsked(asked, names);
    // Authorities that take names from the request alone get one that has them all.
    return this.#sign({ ...names, publicKey: asked.publicKey, csr: () => Promise.resolve(request) }, life);
  }

  async #sign(what: Omit<ChainRequest, "notBefore" | "notAfter">, life: Millis): Promise<Omit<Leaf, "key">> {
    if (!(life >= SECOND && Number.isFinite(life))) throw new RangeError(`a life of ${life} ms is below a second`);
    const issuedAt = this.#now();
    const request = { ...what, notBefore: issuedAt - backdateOf(life), notAfter: issuedAt + life };
    const { chain, leaf, issuerId } = await this.#provider.issue(request);
    checkIssued(request, leaf);
    const { serial, notBefore, notAfter } = leaf;
    const version = leafVersion({ issuerId, notAfter, serial });
    return { chain: chain.join(""), issuerId, serial, notBefore, notAfter, issuedAt, version };
  }
}

function checkAsked({ commonNames, dnsSans, uriSans, otherSans }: CertificateRequest, own: LeafNames): void {
  const refuse = (because: string): never => {
    throw new IssueRefused({ kind: "request-mismatch", because });
  };
  const stranger = [...commonNames, ...dnsSans].find((name) => !own.dnsSans.includes(name));
  if (stranger !== undefined) refuse(`it asks for "${stranger.slice(0, 100)}", and "${own.commonName}" was proven`);
  const uri = uriSans.find((name) => !own.uriSans.includes(name));
  if (uri !== undefined) refuse(`it asks for "${uri.slice(0, 100)}", and "${own.uriSans.join(", ")}" was proven`);
  if (otherSans > 0) refuse("it asks for addresses, or other names that no identity of the mesh has");
}

// A provider with templates of its own could add a name, and with it an identity that nobody proved.
function checkIssued(asked: ChainRequest, got: CertificateInfo): void {
  const pairs = [
    ["DNS names", listText(asked.dnsSans), listText(got.dnsSans)],
    ["URI names", listText(asked.uriSans), listText(got.uriSans)],
    // left out by those that keep to X.520's 64 characters; the DNS name says the same
    ["common name", asked.commonName, got.commonName ?? asked.commonName],
  ] as const;
  for (const [field, wanted, found] of pairs) {
    if (wanted !== found) throw new IssueRefused({ kind: "provider-altered", field, asked: wanted, got: found });
  }
  // Others sign a little later, and by a clock of their own.
  if (got.notAfter > asked.notAfter + Math.max(LEAST_TOLERANCE, (asked.notAfter - asked.notBefore) / 10)) {
    const [wanted, found] = [asked.notAfter, got.notAfter].map((at) => new Date(at).toISOString());
    throw new IssueRefused({ kind: "provider-altered", field: "end of life", asked: wanted ?? "", got: found ?? "" });
  }
  if (got.isAuthority)
    throw new IssueRefused({ kind: "provider-altered", field: "CA flag", asked: "false", got: "true" });
}

function listText(names: readonly string[]): string {
  return [...names].sort(compareText).join(", ");
}
