/**
 * The roots that a record names, opened: who signs now, and whom everybody trusts.
 *
 * @module
 */
import { Authority } from "../ca/authority.ts";
import { isIssuedBy } from "../ca/issued-by.ts";
import type { CertificateProvider } from "../ca/provider.ts";
import type { Millis } from "../core/base/millis.ts";
import { planOf, type RotationPlan } from "./plan.ts";
import type { RootRef, RotationRecord } from "./record.ts";

/** Where roots are kept: files, Secrets, or a server. */
export interface RootKeeper {
  /** Makes a root that nobody uses yet, and keeps it. `certificates` are filled in. */
  create(trustDomain: string): Promise<RootRef>;
  /** Rejects if it cannot sign now. */
  open(ref: RootRef): Promise<CertificateProvider>;
}

/** A record with its roots, ready to be acted on. */
export interface OpenRoots {
  readonly record: RotationRecord;
  readonly plan: RotationPlan;
  readonly signing: Authority;
  readonly server: Authority;
  /** Each root's certificates and its id, as long as it could be opened; the older first. */
  readonly trusted: readonly TrustedRoot[];
  /** PEM of all of `trusted`. */
  readonly trust: string;
}

export interface TrustedRoot {
  readonly name: string;
  /** SHA-256 of the root; absent if it could not be opened: it is trusted all the same. */
  readonly issuerId?: string;
  readonly certificates: readonly string[];
}

/** Opens roots and remembers them, so that one that is in use already is not opened again. */
export class RootOpener {
  readonly #keeper: RootKeeper;
  readonly #now: () => Millis;
  readonly #prove: (authority: Authority) => Promise<void>;
  /** By `keyOf`. */
  readonly #known = new Map<string, Promise<CertificateProvider>>();

  /** @param prove - Rejects if what the authority signs is of no use to the mesh. */
  constructor(keeper: RootKeeper, now: () => Millis, prove: (authority: Authority) => Promise<void>) {
    this.#keeper = keeper;
    this.#now = now;
    this.#prove = prove;
  }

  create(trustDomain: string): Promise<RootRef> {
    return this.#keeper.create(trustDomain);
  }

  /** The same root with the certificates that it really has. Rejects if it cannot sign, or of no use to anybody. */
  async complete(ref: RootRef): Promise<RootRef> {
    const authority = await this.#authority(ref);
    await this.#prove(authority);
    return { ...ref, certificates: [...authority.trustBundle()] };
  }

  /** Rejects if a root that has to sign cannot be opened. One that is only trusted may be lost. */
  async openAll(record: RotationRecord): Promise<OpenRoots> {
    const plan = planOf(record);
    const signing = await this.#authority(plan.signing);
    const server = plan.server === plan.signing ? signing : await this.#authority(plan.server).catch(() => signing);
    const trusted = await Promise.all(plan.trusted.map((ref) => this.#trusted(ref)));
    const pems = [...new Set(trusted.flatMap(({ certificates }) => certificates))];
    return { record, plan, signing, server, trusted, trust: pems.join("") };
  }

  async #authority(ref: RootRef): Promise<Authority> {
    return new Authority({ provider: await this.#open(ref), trustDomain: ref.trustDomain, now: this.#now });
  }

  async #trusted(ref: RootRef): Promise<TrustedRoot> {
    try {
      const provider = await this.#open(ref);
      const certificates = [...new Set([...ref.certificates, ...provider.trustBundle()])];
      return { name: ref.name, issuerId: provider.issuerId, certificates };
    } catch (cause) {
      if (ref.certificates.length === 0) throw cause;
      return { name: ref.name, certificates: ref.certificates };
    }
  }

  /** Closes what is open and the record does not name. Called once nobody acts on another record any more. */
  retain(record: RotationRecord): void {
    const named = new Set(planOf(record).trusted.map(keyOf));
    for (const [key, opening] of this.#known) {
      if (named.has(key)) continue;
      this.#known.delete(key);
      void opening.then((provider) => provider.close?.()); // never rejects: what failed to open is not kept
    }
  }

  #open(ref: RootRef): Promise<CertificateProvider> {
    const key = keyOf(ref);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const opening = this.#keeper.open(ref).then((provider) => sameRoot(ref, provider));
    this.#known.set(key, opening);
    opening.catch(() => this.#known.delete(key));
    return opening;
  }
}

/** A provider that is reached in another way may be another one. */
function keyOf({ name, source, trustDomain }: RootRef): string {
  return JSON.stringify([name, source, trustDomain]);
}

/**
 * A Secret that was overwritten, or a server that was given another root while nobody looked, would cut off every proxy,
 * since they trust what the record says. One that was only prolonged, with its old key, is the same to them.
 *
 * @throws Error if the provider's root is not the one that the record names.
 */
function sameRoot({ name, certificates }: RootRef, provider: CertificateProvider): CertificateProvider {
  const isKnown = (pem: string) => certificates.includes(pem) || isIssuedBy(pem, certificates);
  if (certificates.length === 0 || provider.trustBundle().some(isKnown)) return provider;
  provider.close?.();
  throw new Error(
    `the root ${name} is not the one that proxies trust: its certificate was replaced (${provider.name} has SHA-256 ${provider.issuerId} now). Put the old one back and rotate; or, if its key is lost, remove the rotation's record and start all pods of the mesh anew`,
  );
}
