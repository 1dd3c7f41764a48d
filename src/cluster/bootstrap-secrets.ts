/**
 * Bootstrap Secrets: made before their pod exists, given to it once it does, and swept if it never does.
 *
 * @module
 */

import type { Millis } from "../core/base/millis.ts";
import { type BootstrapSecret, secretManifest } from "../core/inject/bootstrap-secret.ts";
import { isRecord } from "../core/model/fields.ts";
import { PROXY_UUID_LABEL } from "../core/model/pod.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

type Client = Pick<KubernetesClient, "request">;

/** How long a Secret waits for its pod: admission of a pod takes seconds, and a slow API server a minute. */
export const ORPHAN_AGE: Millis = 120_000;
/** Only names, labels and owners come over the wire: what is in a Secret is nobody's business here. */
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const PAGE = 500;

/** Resolves once the API server has stored it. */
export async function writeBootstrap(client: Client, secret: BootstrapSecret, signal: AbortSignal): Promise<void> {
  const path = `/api/v1/namespaces/${secret.namespace}/secrets`;
  await client.request({ method: "POST", path, body: secretManifest(secret), signal });
}

interface Unowned {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly uuid: string;
  readonly createdAt: Millis;
}

/** Gives each Secret without an owner to the pod of its uuid, and deletes it if there is none and it is old enough. */
export async function sweepBootstraps(client: Client, now: Millis, signal: AbortSignal): Promise<void> {
  for (const secret of await listUnowned(client, signal)) {
    signal.throwIfAborted();
    // The API server is asked, not what we know: a pod may be newer than our last news, or of a namespace that left.
    const pod = await findPod(client, secret, signal);
    if (pod !== undefined) await giveTo(client, secret, pod);
    else if (now - secret.createdAt > ORPHAN_AGE) await remove(client, secret);
  }
}

async function listUnowned(client: Client, signal: AbortSignal): Promise<readonly Unowned[]> {
  const found: Unowned[] = [];
  let after: string | undefined;
  do {
    const query = { labelSelector: PROXY_UUID_LABEL, limit: PAGE, continue: after };
    const page = readPage(await client.request({ path: "/api/v1/secrets", query, accept: METADATA_ONLY, signal }));
    found.push(...page.items.flatMap(unownedOf));
    after = page.next;
  } while (after !== undefined);
  return found;
}

function readPage(page: unknown): { readonly items: readonly unknown[]; readonly next: string | undefined } {
  const { items, metadata } = isRecord(page) ? page : {};
  const token = isRecord(metadata) ? metadata["continue"] : undefined;
  return {
    items: Array.isArray(items) ? items : [],
    next: typeof token === "string" && token !== "" ? token : undefined,
  };
}

function unownedOf(item: unknown): readonly Unowned[] {
  const metadata = isRecord(item) ? item["metadata"] : undefined;
  if (!isRecord(metadata) || Array.isArray(metadata["ownerReferences"])) return [];
  const { namespace, name, uid, creationTimestamp, labels } = metadata;
  const uuid = isRecord(labels) ? labels[PROXY_UUID_LABEL] : undefined;
  const texts = [namespace, name, uid, creationTimestamp, uuid];
  if (!texts.every((one): one is string => typeof one === "string")) return [];
  const [ns = "", secretName = "", secretUid = "", created = "", proxyUuid = ""] = texts;
  return [{ namespace: ns, name: secretName, uid: secretUid, uuid: proxyUuid, createdAt: Date.parse(created) }];
}

interface Owner {
  readonly name: string;
  readonly uid: string;
}

async function findPod(client: Client, { namespace, uuid }: Unowned, signal: AbortSignal): Promise<Owner | undefined> {
  const query = { labelSelector: `${PROXY_UUID_LABEL}=${uuid}`, limit: 2 };
  const list = await client.request({
    path: `/api/v1/namespaces/${namespace}/pods`,
    query,
    accept: METADATA_ONLY,
    signal,
  });
  const [first] = isRecord(list) && Array.isArray(list["items"]) ? (list["items"] as unknown[]) : [];
  const metadata = isRecord(first) ? first["metadata"] : undefined;
  if (!isRecord(metadata) || typeof metadata["name"] !== "string" || typeof metadata["uid"] !== "string")
    return undefined;
  return { name: metadata["name"], uid: metadata["uid"] };
}

async function giveTo(client: Client, { namespace, name }: Unowned, pod: Owner): Promise<void> {
  const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name: pod.name, uid: pod.uid }];
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  await client.request({ method: "PATCH", path, body: { metadata: { ownerReferences } } }).catch(ignoreGone);
}

/** Of this uid alone: a Secret of the same name that was made anew is another. */
async function remove(client: Client, { namespace, name, uid }: Unowned): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  await client.request({ method: "DELETE", path, body: { preconditions: { uid } } }).catch(ignoreGone);
}

function ignoreGone(cause: unknown): void {
  if (!hasStatus(cause, 404) && !hasStatus(cause, 409)) throw cause;
}
