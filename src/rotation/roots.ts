/**
 * The roots that a record names, opened: who signs now, and whom everybody trusts.
 *
 * @module
 */
import { Authority } from "../ca/authority.ts";
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
  readonly #known = new Map<string, Promise<CertificateProvider>>();

  constructor(keeper: RootKeeper, now: () => Millis) {
    this.#keeper = keeper;
    this.#now = now;
  }

  create(trustDomain: string): Promise<RootRef> {
    return this.#keeper.create(trustDomain);
  }

  /** The same root with the certificates that it really has. Rejects if it cannot sign. */
  async complete(ref: RootRef): Promise<RootRef> {
    const provider = await this.#open(ref);
    return { ...ref, certificates: [...provider.trustBundle()] };
  }

  /** Rejects if a root that has to sign cannot be opened. One that is only trusted may be lost. */
  async openAll(record: RotationRecord): Promise<OpenRoots> {
    const plan = planOf(record);
    const signing = await this.#authority(plan.signing);
    const server = plan.server === plan.signing ? signing : await this.#authority(plan.server).catch(() => signing);
    const trusted = await Promise.all(plan.trusted.map((ref) => this.#trusted(ref)));
    const names = new Set(plan.trusted.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
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

  #open(ref: RootRef): Promise<CertificateProvider> {
    const known = this.#known.get(ref.name);
    if (known !== undefined) return known;
    const opening = this.#keeper.open(ref);
    this.#known.set(ref.name, opening);
    opening.catch(() => this.#known.delete(ref.name));
    return opening;
  }
}
