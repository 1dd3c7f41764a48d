/**
 * Which provider, from what an operator wrote: flags, or a MeshRootCertificate.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { Redacted } from "../../core/base/redacted.ts";
import type { NamespacedName } from "../../core/base/ref.ts";
import type { Clock } from "../clock.ts";
import type { CertificateProvider } from "../provider.ts";
import { openBuiltin, type RootMaterial } from "./builtin.ts";
import { type ClusterApi, certManagerSigner, type IssuerRef } from "./cert-manager.ts";
import type { OutageEvent } from "./outage.ts";
import { openRemote, type RemoteSigner } from "./remote.ts";
import { vaultSigner } from "./vault.ts";
import { authorityIn, type SecretKey, type SecretReader, tokenIn } from "./vault-secret.ts";

/** What `RootProvider` of a MeshRootCertificate is too. */
export type ProviderSpec =
  | { readonly kind: "tresor"; readonly secret: NamespacedName }
  | {
      readonly kind: "vault";
      readonly protocol: "http" | "https";
      readonly host: string;
      readonly port: number;
      readonly role: string;
      readonly token: SecretKey | Redacted<string>;
    }
  | ({ readonly kind: "certManager" } & IssuerRef);

/** What a MeshRootCertificate has no place for. */
export interface VaultExtras {
  /** Where the PKI engine is; `pki` as OSM had it. */
  readonly mount?: string | undefined;
  readonly namespace?: string | undefined;
  /** PEM: whom to trust as Vault's server, where the token's Secret does not say. */
  readonly ca?: string | undefined;
}

/** CertificateRequests are made where Secrets are read. */
export interface ProviderDeps extends SecretReader {
  readonly trustDomain: string;
  /** PEM: the root of another authority that proxies trust already; absent if it is not known yet. */
  readonly known?: string | undefined;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** The root in a Secret, made if there is none. */
  readonly openRoot: (secret: NamespacedName) => Promise<RootMaterial>;
  readonly api: ClusterApi;
  readonly vault?: VaultExtras;
  /** Neither may throw. */
  readonly onOutage: (provider: string, event: OutageEvent) => void;
  readonly onWarning: (message: string) => void;
}

/**
 * Opens the provider: reads or makes its root, or has the other authority sign once.
 *
 * Rejects with `RootRefused` or `IssueRefused` where an operator must act first, with `ProviderUnavailable` where
 * asking again may help, and with what `openRoot` and `readSecret` reject with. Nothing is left open then.
 */
export async function providerFrom(spec: ProviderSpec, deps: ProviderDeps): Promise<CertificateProvider> {
  const { clock } = deps;
  switch (spec.kind) {
    case "tresor":
      return openBuiltin(await deps.openRoot(spec.secret), () => clock.now());
    case "vault":
      return openSigner(vaultFrom(spec, deps), deps);
    case "certManager": {
      const { api, meshNamespace: namespace, onWarning } = deps;
      return openSigner(certManagerSigner({ api, namespace, issuer: spec, clock, onWarning }), deps);
    }
  }
}

/** How long a provider has been out, for health: in words that may be shown to everybody. */
export function outageText(provider: string, since: Millis, now: Millis): string {
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  return `the certificate provider ${provider} has issued nothing for ${seconds} s; leaves in force stay so: the log says why`;
}

async function openSigner(signer: RemoteSigner, deps: ProviderDeps): Promise<CertificateProvider> {
  try {
    return await openRemote({ ...deps, signer, onOutage: (event) => deps.onOutage(signer.what, event) });
  } catch (cause) {
    signer.close();
    throw cause;
  }
}

function vaultFrom(spec: Extract<ProviderSpec, { kind: "vault" }>, deps: ProviderDeps): RemoteSigner {
  const { protocol, host, port, role, token } = spec;
  const { mount = "pki", namespace, ca: given } = deps.vault ?? {};
  const { clock, onWarning } = deps;
  const [readToken, ca] =
    token instanceof Redacted
      ? ([() => Promise.resolve(token), given] as const)
      : ([() => tokenIn(token, deps), async () => (await authorityIn(token, deps)) ?? given] as const);
  const address = { protocol, host, port, namespace, ca };
  return vaultSigner({ address, mount, role, readToken, clock, onWarning });
}
