/**
 * The mesh's authority while roots come and go: whoever asks it for a leaf gets one of the root that signs now.
 *
 * @module
 */
import { isIssuedBy } from "../ca/issued-by.ts";
import type { Leaf } from "../ca/leaf.ts";
import type { LeafSubject } from "../ca/subject.ts";
import type { Millis } from "../core/base/millis.ts";
import type { OpenRoots } from "./roots.ts";

/** What issues: `Authority`, and this. */
export interface LeafAuthority {
  readonly trustDomain: string;
  readonly issuerId: string;
  trustBundle(): readonly string[];
  issue(subject: LeafSubject, life: Millis): Promise<Leaf>;
}

export class RotatingAuthority implements LeafAuthority {
  readonly #roots: () => OpenRoots;
  /** PEM of the authorities between root and leaf that leaves came with, by root. */
  readonly #between = new Map<string, Set<string>>();

  readonly #onIssued: (duration: Millis) => void;

  /** @param onIssued - Told of every certificate, with the time that it took. Must not throw. */
  constructor(roots: () => OpenRoots, onIssued: (duration: Millis) => void = () => undefined) {
    this.#roots = roots;
    this.#onIssued = onIssued;
  }

  get trustDomain(): string {
    return this.#roots().signing.trustDomain;
  }

  /** The root that new leaves lead to. */
  get issuerId(): string {
    return this.#roots().signing.issuerId;
  }

  trustBundle(): readonly string[] {
    return [...new Set(this.#roots().trusted.flatMap(({ certificates }) => certificates))];
  }

  async issue(subject: LeafSubject, life: Millis): Promise<Leaf> {
    return this.#issue(this.#roots().signing, subject, life);
  }

  /** Of the root that all running proxies know by their files. */
  async issueForServer(subject: LeafSubject, life: Millis): Promise<Leaf> {
    return this.#issue(this.#roots().server, subject, life);
  }

  /** The id of the trusted root that a client's certificate leads to. */
  rootOf(certificate: Uint8Array): string | undefined {
    return this.#roots().trusted.find(({ issuerId, certificates }) => {
      const between = issuerId === undefined ? [] : (this.#between.get(issuerId) ?? []);
      return isIssuedBy(certificate, [...certificates, ...between]);
    })?.issuerId;
  }

  async #issue(authority: OpenRoots["signing"], subject: LeafSubject, life: Millis): Promise<Leaf> {
    const startedAt = performance.now();
    const leaf = await authority.issue(subject, life);
    this.#onIssued(performance.now() - startedAt);
    return this.#noted(leaf);
  }

  #noted(leaf: Leaf): Leaf {
    const [, ...between] = leaf.chain.split(/(?<=-----END CERTIFICATE-----\r?\n)/).filter((pem) => pem.trim() !== "");
    const known = this.#between.get(leaf.issuerId) ?? new Set();
    for (const pem of between) known.add(pem);
    if (known.size > 0) this.#between.set(leaf.issuerId, known);
    return leaf;
  }
}
