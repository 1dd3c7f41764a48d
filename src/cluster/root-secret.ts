/**
 * A root of trust in a cluster: a Secret such as `osm-ca-bundle`, made by the first replica, adopted by all (design 5).
 *
 * @module
 */
import { fromSecretData, makeRoot, type RootMaterial, toSecretData } from "../ca/providers/builtin.ts";
import type { Millis } from "../core/base/millis.ts";
import { isRecord } from "../core/model/fields.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

export const ROOT_SECRET = "osm-ca-bundle";

export interface RootSecretPlace {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Reads the root, or makes one. Replicas that start together agree: the API server lets one of them create it.
 *
 * @throws RootRefused if the Secret is there and cannot be read: making another would cut off the whole mesh.
 */
export async function openRootSecret(place: RootSecretPlace & { readonly now: Millis }): Promise<RootMaterial> {
  const known = await readRootSecret(place);
  if (known !== undefined) return known;
  try {
    return await createRootSecret(place);
  } catch (cause) {
    if (!hasStatus(cause, 409)) throw cause;
    const others = await readRootSecret(place);
    if (others === undefined) throw cause;
    return others;
  }
}

/** @returns undefined if there is none. @throws RootRefused if it cannot be read. */
export async function readRootSecret({ client, namespace, name }: RootSecretPlace): Promise<RootMaterial | undefined> {
  try {
    return fromSecretData(
      secretTexts(await client.request({ path: `/api/v1/namespaces/${namespace}/secrets/${name}` })),
    );
  } catch (cause) {
    if (hasStatus(cause, 404)) return undefined;
    throw cause;
  }
}

/** Makes a root and keeps it. Rejects if there is a Secret of that name. */
export async function createRootSecret({ client, namespace, name, now }: RootSecretPlace & { readonly now: Millis }) {
  const made = await makeRoot({ now });
  const body = await manifest({ namespace, name }, made);
  await client.request({ method: "POST", path: `/api/v1/namespaces/${namespace}/secrets`, body });
  return made;
}

/** @param uid - Of the very Secret that was looked at; another of its name stays. One that is gone is no error. */
export async function deleteRootSecret({ client, namespace, name, uid }: RootSecretPlace & { readonly uid?: string }) {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const body = uid === undefined ? {} : { preconditions: { uid } };
  await client.request({ method: "DELETE", path, body }).catch((cause: unknown) => {
    if (!hasStatus(cause, 404)) throw cause;
  });
}

async function manifest(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  root: RootMaterial,
): Promise<unknown> {
  const labels = { "app.kubernetes.io/name": "openservicemesh.io" };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels },
    type: "Opaque",
    stringData: await toSecretData(root),
  };
}

/** The data of a Secret, decoded. */
export function secretTexts(secret: unknown): Readonly<Record<string, string>> {
  const data = isRecord(secret) && isRecord(secret["data"]) ? secret["data"] : {};
  const decode = (text: unknown): string => (typeof text === "string" ? atob(text) : "");
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, decode(text)]));
}
