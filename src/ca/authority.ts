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
import { createRequest } from "./pki-request.ts";
import type { CertificateProvider, ChainRequest, Outage } from "./provider.ts";
import { IssueRefused } from "./refusal.ts";
import { backdateOf } from "./renewal.ts";
import { type LeafSubject, namesOf } from "./subject.ts";

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
    if (!(life >= SECOND && Number.isFinite(life))) throw new RangeError(`a life of ${life} ms is below a second`);
    const names = namesOf(subject, this.trustDomain);
    const { publicKey, privateKey } = await makeKeyPair(this.#keys);
    const issuedAt = this.#now();
    const validity = { notBefore: issuedAt - backdateOf(life), notAfter: issuedAt + life };
    const csr = () => createRequest({ ...names, publicKey, privateKey });
    const request = { ...names, ...validity, publicKey, csr };
    const { chain, leaf, issuerId } = await this.#provider.issue(request);
    checkIssued(request, leaf);
    const { serial, notBefore, notAfter } = leaf;
    return {
      chain: chain.join(""),
      key: await toKeyPem(privateKey),
      issuerId,
      serial,
      notBefore,
      notAfter,
      issuedAt,
      version: leafVersion({ issuerId, notAfter, serial }),
    };
  }
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
