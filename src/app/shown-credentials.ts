/**
 * The certificate that each proxy dialled with last, and the root that it leads to.
 *
 * @module
 */
import { type ProxyIdentity, proxyKey } from "../core/base/identity.ts";
import type { OpenRoots } from "../rotation/roots.ts";

export interface ShownCredentials {
  /** @param certificate - DER. */
  note(identity: ProxyIdentity, certificate: Uint8Array): void;
  /** The key of the proxy with this UUID; undefined if it never dialled. */
  keyOf(uuid: string): string | undefined;
  /** The id of the trusted root; undefined if it never dialled, or its certificate leads to none of them. */
  rootOf(uuid: string): string | undefined;
  /** Forgets the proxies whose key is not alive. */
  retain(isAlive: (key: string) => boolean): void;
}

export interface ShownCredentialsOptions {
  readonly roots: () => OpenRoots;
  /** The id of the trusted root that a certificate leads to. */
  readonly rootOf: (certificate: Uint8Array) => string | undefined;
}

interface Shown {
  readonly key: string;
  readonly certificate: Uint8Array;
  /** Looked up once for each set of roots. */
  judged?: { readonly under: OpenRoots; readonly root: string | undefined };
}

export function createShownCredentials({ roots, rootOf }: ShownCredentialsOptions): ShownCredentials {
  const shown = new Map<string, Shown>();
  return {
    note(identity, certificate) {
      shown.set(identity.uuid, { key: proxyKey(identity), certificate });
    },
    keyOf: (uuid) => shown.get(uuid)?.key,
    rootOf(uuid) {
      const found = shown.get(uuid);
      if (found === undefined) return undefined;
      const under = roots();
      if (found.judged?.under !== under || found.judged.root === undefined)
        found.judged = { under, root: rootOf(found.certificate) };
      return found.judged.root;
    },
    retain(isAlive) {
      for (const [uuid, { key }] of shown) if (!isAlive(key)) shown.delete(uuid);
    },
  };
}
