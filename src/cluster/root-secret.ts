/**
 * The root of trust in a cluster: the Secret `osm-ca-bundle`, made by the first replica, adopted by all (design 5).
 *
 * @module
 */
import { fromSecretData, makeRoot, type RootMaterial, toSecretData } from "../ca/providers/builtin.ts";
import type { Millis } from "../core/base/millis.ts";
import { isRecord } from "../core/model/fields.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

export const ROOT_SECRET = "osm-ca-bundle";

export interface RootSecretOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  readonly now: Millis;
}

/**
 * Reads the root, or makes one. Replicas that start together agree: the API server lets one of them create it.
 *
 * @throws RootRefused if the Secret is there and cannot be read: making another would cut off the whole mesh.
 */
export async function openRootSecret({ client, namespace, now }: RootSecretOptions): Promise<RootMaterial> {
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  const read = async (): Promise<RootMaterial | undefined> => {
    try {
      return fromSecretData(textsOf(await client.request({ path: `${collection}/${ROOT_SECRET}` })));
    } catch (cause) {
      if (hasStatus(cause, 404)) return undefined;
      throw cause;
    }
  };
  const known = await read();
  if (known !== undefined) return known;
  const made = await makeRoot({ now });
  try {
    await client.request({ method: "POST", path: collection, body: await manifest(namespace, made) });
    return made;
  } catch (cause) {
    if (!hasStatus(cause, 409)) throw cause;
    const others = await read();
    if (others === undefined) throw cause;
    return others;
  }
}

async function manifest(namespace: string, root: RootMaterial): Promise<unknown> {
  const labels = { "app.kubernetes.io/name": "openservicemesh.io" };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: ROOT_SECRET, namespace, labels },
    type: "Opaque",
    stringData: await toSecretData(root),
  };
}

function textsOf(secret: unknown): Readonly<Record<string, string>> {
  const data = isRecord(secret) && isRecord(secret["data"]) ? secret["data"] : {};
  const decode = (text: unknown): string => (typeof text === "string" ? atob(text) : "");
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, decode(text)]));
}
