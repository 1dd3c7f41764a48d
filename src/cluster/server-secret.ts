/**
 * A server's certificate of the control plane in a Secret, for a start while the authority is away.
 *
 * Only where another authority signs: a root of the mesh's own is never away, and its Secret holds more already.
 *
 * @module
 */
import { handshake } from "../ca/handshake.ts";
import { type Leaf, leafVersion } from "../ca/leaf.ts";
import { parseCertificate } from "../ca/pki-read.ts";
import { Redacted } from "../core/base/redacted.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus, ignoreMissing } from "../sources/kubernetes/kubernetes-error.ts";
import { secretTexts } from "./root-secret.ts";

export const SERVER_SECRETS = {
  xds: "osm-xds-server-certificate",
  webhooks: "osm-webhook-server-certificate",
} as const;

export interface ServerSecretOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  readonly name: string;
  /** As they are in force. */
  readonly roots: () => Pick<OpenRoots, "plan" | "trusted">;
}

/** Replicas share it: whoever had one issued last has written it. */
export function serverSecret({ client, namespace, name, roots }: ServerSecretOptions) {
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  const isNeeded = (): boolean => roots().plan.signing.source.kind !== "builtin";
  return {
    /** The one that was kept, if it has these names and peers still take it. Rejects if it cannot be asked for. */
    async read(dnsNames: readonly [string, ...string[]]): Promise<Leaf | undefined> {
      if (!isNeeded()) return undefined;
      const secret = await client.request({ path: `${collection}/${name}` }).catch(ignoreMissing);
      const { "tls.crt": chain = "", "tls.key": key = "" } = secretTexts(secret);
      return chain === "" ? undefined : leafOf({ chain, key: new Redacted(key) }, dnsNames, roots());
    },
    async write({ chain, key }: Leaf): Promise<void> {
      if (!isNeeded()) return;
      const labels = { "app.kubernetes.io/name": "openservicemesh.io" };
      const data = { "tls.crt": btoa(chain), "tls.key": btoa(key.reveal()) };
      const body = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, namespace, labels },
        type: "kubernetes.io/tls",
        data,
      };
      try {
        await client.request({ method: "POST", path: collection, body });
      } catch (cause) {
        if (!hasStatus(cause, 409)) throw cause;
        await client.request({ method: "PATCH", path: `${collection}/${name}`, body: { data } });
      }
    },
  };
}

/** A handshake under each root judges key, chain, dates and the first name at once. */
async function leafOf(
  kept: Pick<Leaf, "chain" | "key">,
  dnsNames: readonly [string, ...string[]],
  { trusted }: Pick<OpenRoots, "trusted">,
): Promise<Leaf | undefined> {
  for (const { issuerId, certificates } of trusted) {
    if (issuerId === undefined) continue;
    if ((await handshake(kept, { roots: certificates, name: dnsNames[0] })) !== undefined) continue;
    const { serial, notBefore, notAfter, dnsSans } = await parseCertificate(kept.chain, "the kept certificate");
    if (!dnsNames.every((name) => dnsSans.includes(name))) return undefined;
    const version = leafVersion({ issuerId, notAfter, serial });
    return { ...kept, issuerId, serial, notBefore, notAfter, issuedAt: notBefore, version };
  }
  return undefined;
}
