/**
 * Another authority for tests, which can be switched off, as the mesh's first root; and a new root of the mesh's own.
 *
 * @module
 */
import { proveRoot } from "../../ca/proof.ts";
import type { CertificateProvider } from "../../ca/provider.ts";
import { makeRoot, openBuiltin } from "../../ca/providers/builtin.ts";
import { openRemote, type RemoteSigner } from "../../ca/providers/remote.ts";
import { ProviderUnavailable } from "../../ca/providers/unavailable.ts";
import { type HandClock, seeded } from "../../ca/testing/leaf-rig.ts";
import { DEFAULT_TRUST_DOMAIN } from "../../core/base/identity.ts";
import { steadyOn } from "../../rotation/record.ts";
import { type RootKeeper, RootOpener } from "../../rotation/roots.ts";
import { type RecordStore, Rotator } from "../../rotation/rotator.ts";

/** An authority as Vault is one: asked for each certificate, and sometimes away. Its key is in this process. */
export class SwitchedSigner implements RemoteSigner {
  readonly name = "vault";
  readonly what = "Vault at https://vault.test";
  readonly chainWayOut = "none is needed";
  away = false;
  asked = 0;
  readonly #authority: CertificateProvider;

  constructor(authority: CertificateProvider) {
    this.#authority = authority;
  }

  async sign(request: Parameters<RemoteSigner["sign"]>[0]) {
    this.asked += 1;
    if (this.away) {
      const told = { provider: this.what, kind: "sealed", detail: "token s.secret", wayOut: "unseal it" } as const;
      throw new ProviderUnavailable(told);
    }
    const { chain } = await this.#authority.issue(request);
    const [certificate, ...issuers] = chain;
    return { certificate, issuers: [...issuers, ...this.#authority.trustBundle()] };
  }

  /** For what was issued before it was switched off. */
  async whileUp<T>(work: () => Promise<T>): Promise<T> {
    const { away } = this;
    this.away = false;
    try {
      return await work();
    } finally {
      this.away = away;
    }
  }

  moreIssuers = async (): Promise<readonly string[]> => [];
  close(): void {}
}

/** The record is kept in memory alone. */
export async function openRotator(signer: RemoteSigner, clock: HandClock): Promise<Rotator> {
  const trustDomain = DEFAULT_TRUST_DOMAIN;
  const store: RecordStore = { read: async () => undefined, write: async () => "1" };
  const keeper: RootKeeper = {
    create: async () => ({ name: "new", source: { kind: "builtin", store: "new" }, trustDomain, certificates: [] }),
    async open({ source }) {
      if (source.kind === "builtin") return openBuiltin(await makeRoot({ now: clock.now() }), () => clock.now());
      return openRemote({ signer, trustDomain, clock, random: seeded(1), onOutage: () => {} });
    },
  };
  const first = { name: "vault", source: { kind: "vault" as const, settings: {} }, trustDomain, certificates: [] };
  const opener = new RootOpener(
    keeper,
    () => clock.now(),
    (authority) => proveRoot(authority, []),
  );
  return Rotator.open({ store, opener, initial: steadyOn(first, 0), now: () => clock.now() });
}
