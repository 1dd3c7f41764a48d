/**
 * Roots of other authorities: how they are written in the rotation's record, and how they are opened from it.
 *
 * @module
 */
import type { CertificateProvider } from "../ca/provider.ts";
import { type ProviderDeps, type ProviderSpec, providerFrom } from "../ca/providers/choose.ts";
import type { Redacted } from "../core/base/redacted.ts";
import type { NamespacedName } from "../core/base/ref.ts";
import type { RootRef, RootSource } from "../rotation/record.ts";
import type { RootKeeper } from "../rotation/roots.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";
import { secretTexts } from "./root-secret.ts";

type RemoteSpec = Exclude<ProviderSpec, { kind: "tresor" }>;

export interface ProviderKeeperOptions extends Omit<ProviderDeps, "trustDomain" | "openRoot" | "readSecret" | "api"> {
  readonly client: Pick<KubernetesClient, "request">;
  /** Keeps the roots whose keys this mesh holds. */
  readonly builtin: RootKeeper;
  /** For a Vault whose record names no Secret. */
  readonly vaultToken?: Redacted<string> | undefined;
}

/** How a record writes what an operator chose. A token itself is never written. */
export function sourceFrom(spec: ProviderSpec): RootSource {
  switch (spec.kind) {
    case "tresor":
      return { kind: "builtin", store: spec.secret.name };
    case "vault": {
      const { protocol, host, port, role, token } = spec;
      const secret =
        "key" in token ? { tokenNamespace: token.namespace, tokenName: token.name, tokenKey: token.key } : {};
      return { kind: "vault", settings: { protocol, host, port: String(port), role, ...secret } };
    }
    case "certManager": {
      const { issuerName, issuerKind, issuerGroup } = spec;
      return { kind: "cert-manager", settings: { issuerName, issuerKind, issuerGroup } };
    }
  }
}

/** Keeps roots of every kind. `close` ends what it has opened. */
export function providerKeeper(options: ProviderKeeperOptions): RootKeeper & { close(): void } {
  const { builtin, client } = options;
  const opened = new Set<CertificateProvider>();
  const request: ProviderDeps["api"]["request"] = (one) => client.request(one);
  return {
    create: (trustDomain) => builtin.create(trustDomain),
    async open(ref) {
      if (ref.source.kind === "builtin") return builtin.open(ref);
      const provider = await providerFrom(specOf(ref, options), {
        ...options,
        trustDomain: ref.trustDomain,
        known: ref.certificates[0],
        api: { request },
        openRoot: () => Promise.reject(new Error("a root of our own is opened by its keeper")),
        readSecret: (secret) => readSecret(client, secret),
      });
      opened.add(provider);
      return provider;
    },
    close() {
      for (const provider of opened) provider.close?.();
    },
  };
}

/** @throws Error if a setting is missing: the record was written by others. */
function specOf({ name, source }: RootRef, { vaultToken }: ProviderKeeperOptions): RemoteSpec {
  const settings = source.kind === "builtin" ? {} : source.settings;
  const text = (key: string): string => {
    const found = settings[key];
    if (found !== undefined && found !== "") return found;
    throw new Error(
      `the record of the root ${name} has no "${key}" of its ${source.kind}: start a rotation to it anew`,
    );
  };
  if (source.kind === "cert-manager") {
    const [issuerName, issuerKind, issuerGroup] = [text("issuerName"), text("issuerKind"), text("issuerGroup")];
    return { kind: "certManager", issuerName, issuerKind, issuerGroup };
  }
  const protocol = text("protocol") === "https" ? "https" : "http";
  const base = { kind: "vault", protocol, host: text("host"), port: Number(text("port")), role: text("role") } as const;
  if (settings["tokenName"] !== undefined) {
    const token = { namespace: text("tokenNamespace"), name: text("tokenName"), key: text("tokenKey") };
    return { ...base, token };
  }
  if (vaultToken !== undefined) return { ...base, token: vaultToken };
  throw new Error(
    `the root ${name} needs a token for Vault: give --vault-token, or --vault-token-secret-name and -key`,
  );
}

async function readSecret(
  client: ProviderKeeperOptions["client"],
  { namespace, name }: NamespacedName,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return secretTexts(await client.request({ path: `/api/v1/namespaces/${namespace}/secrets/${name}` }));
  } catch (cause) {
    if (hasStatus(cause, 404)) return undefined;
    throw cause;
  }
}
