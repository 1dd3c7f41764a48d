/**
 * The Secret that leads to Vault: its token, and perhaps who signed its server's certificate.
 *
 * @module
 */
import { Redacted } from "../../core/base/redacted.ts";
import type { NamespacedName } from "../../core/base/ref.ts";
import { Unreadable } from "../pem.ts";
import { splitChain } from "../pki-read.ts";
import { ProviderUnavailable } from "./unavailable.ts";

/** Under which Kubernetes keeps authorities in Secrets of TLS too. */
const CA_KEY = "ca.crt";

export type SecretKey = NamespacedName & { readonly key: string };

export interface SecretReader {
  /** Whose Secrets are read. */
  readonly meshNamespace: string;
  /** A Secret's data, as text; undefined if there is no such Secret. */
  readonly readSecret: (secret: NamespacedName) => Promise<Readonly<Record<string, string>> | undefined>;
}

/** Rejects with `ProviderUnavailable` if there is none, and as `readSecret` does. */
export async function tokenIn(ref: SecretKey, reader: SecretReader): Promise<Redacted<string>> {
  const data = await read(ref, reader);
  const token = data?.[ref.key]?.trim() ?? "";
  if (token !== "") return new Redacted(token);
  const detail = data === undefined ? "there is no such Secret" : `it has no text under "${ref.key}"`;
  throw unusable(ref, { kind: "permission-denied", detail, wayOut: `${createIn(ref.namespace, ref)}=TOKEN` });
}

/**
 * PEM of the authorities that may vouch for Vault's server; undefined if the Secret names none.
 *
 * Rejects with `ProviderUnavailable` if what it names cannot be read: to trust others in its place would be a surprise.
 */
export async function authorityIn(ref: SecretKey, reader: SecretReader): Promise<string | undefined> {
  const text = (await read(ref, reader))?.[CA_KEY];
  if (text === undefined) return undefined;
  try {
    return splitChain(text, `"${CA_KEY}"`).join("");
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    const wayOut = `put the PEM certificate there of who signed Vault's own, or remove "${CA_KEY}"`;
    throw unusable(ref, { kind: "untrusted", detail: cause.message, wayOut }, { cause });
  }
}

/** Who may write roots of the mesh must not learn by that what is in the Secrets of others. */
async function read(ref: SecretKey, { meshNamespace, readSecret }: SecretReader) {
  if (ref.namespace === meshNamespace) return await readSecret(ref);
  throw unusable(ref, {
    kind: "permission-denied",
    detail: `only Secrets of the mesh's namespace, ${meshNamespace}, are read for this`,
    wayOut: `${createIn(meshNamespace, ref)}=TOKEN, and name that one`,
  });
}

function createIn(namespace: string, { name, key }: SecretKey): string {
  return `kubectl -n ${namespace} create secret generic ${name} --from-literal=${key}`;
}

function unusable(
  { namespace, name }: SecretKey,
  told: Omit<ConstructorParameters<typeof ProviderUnavailable>[0], "provider">,
  options?: ErrorOptions,
): ProviderUnavailable {
  return new ProviderUnavailable({ ...told, provider: `Vault's token in Secret ${namespace}/${name}` }, options);
}
