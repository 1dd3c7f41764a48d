/**
 * Bootstrap Secrets: made before their pod exists, given to it once it does, and swept if it never does.
 *
 * @module
 */

import type { Millis } from "../core/base/millis.ts";
import { type BootstrapSecret, secretManifest } from "../core/inject/bootstrap-secret.ts";
import { bootstrapSecretName } from "../core/inject/names.ts";
import { isRecord } from "../core/model/fields.ts";
import { PROXY_UUID_LABEL } from "../core/model/pod.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

type Client = Pick<KubernetesClient, "request">;

/**
 * How long a Secret waits for its pod: admission of a pod takes seconds, and a slow API server a minute. Counted from
 * when the sweeper first saw it, by a clock that does not jump: were it the API server's time of creation against
 * ours, a clock that is minutes ahead would take pods' Secrets from under them.
 */
export const ORPHAN_AGE: Millis = 120_000;
/** Only names, labels and owners come over the wire: what is in a Secret is nobody's business here. */
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const PAGE = 500;
/** Uuids in one question: 50 make a query of 2 kB. */
const UUIDS_AT_A_TIME = 50;

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
}

export interface Sweeper {
  /** Gives each Secret without an owner to the pod of its uuid, and deletes it if there has been none for long enough. */
  sweep(signal: AbortSignal): Promise<void>;
}

/** @param now - In milliseconds; must not jump. */
export function createSweeper(client: Client, now: () => Millis): Sweeper {
  let seen: ReadonlyMap<string, Millis> = new Map();
  return {
    async sweep(signal) {
      const unowned = await listUnowned(client, signal);
      const at = now();
      seen = new Map(unowned.map(({ uid }) => [uid, seen.get(uid) ?? at]));
      const old = ({ uid }: Unowned): boolean => at - (seen.get(uid) ?? at) > ORPHAN_AGE;
      for (const [namespace, secrets] of Map.groupBy(unowned, (one) => one.namespace)) {
        for (let i = 0; i < secrets.length; i += UUIDS_AT_A_TIME) {
          const batch = secrets.slice(i, i + UUIDS_AT_A_TIME);
          await sweepBatch(client, { namespace, batch, old }, signal);
        }
      }
    },
  };
}

interface Batch {
  readonly namespace: string;
  readonly batch: readonly Unowned[];
  old(secret: Unowned): boolean;
}

async function sweepBatch(client: Client, { namespace, batch, old }: Batch, signal: AbortSignal): Promise<void> {
  // The API server is asked, not what we know: a pod may be newer than our last news, or of a namespace that left.
  const pods = await findPods(client, { namespace, uuids: batch.map(({ uuid }) => uuid) }, signal);
  for (const secret of batch) {
    signal.throwIfAborted();
    const pod = pods.get(secret.uuid);
    if (pod !== undefined) await giveTo(client, secret, pod);
    else if (old(secret)) await remove(client, secret);
  }
}

async function listUnowned(client: Client, signal: AbortSignal): Promise<readonly Unowned[]> {
  const query = { labelSelector: PROXY_UUID_LABEL };
  return (await listMetadata(client, { path: "/api/v1/secrets", query }, signal)).flatMap(unownedOf);
}

interface Listed {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/** The `metadata` of each object. */
async function listMetadata(client: Client, { path, query }: Listed, signal: AbortSignal): Promise<readonly Fields[]> {
  const found: Fields[] = [];
  let after: string | undefined;
  do {
    const paged = { ...query, limit: PAGE, continue: after };
    const page = readPage(await client.request({ path, query: paged, accept: METADATA_ONLY, signal }));
    found.push(...page.metadata);
    after = page.next;
  } while (after !== undefined);
  return found;
}

type Fields = Readonly<Record<string, unknown>>;

function readPage(page: unknown): { readonly metadata: readonly Fields[]; readonly next: string | undefined } {
  const { items, metadata } = isRecord(page) ? page : {};
  const token = isRecord(metadata) ? metadata["continue"] : undefined;
  const listed: readonly unknown[] = Array.isArray(items) ? items : [];
  return {
    metadata: listed.flatMap((item) => (isRecord(item) && isRecord(item["metadata"]) ? [item["metadata"]] : [])),
    next: typeof token === "string" && token !== "" ? token : undefined,
  };
}

function unownedOf(metadata: Fields): readonly Unowned[] {
  const owners = metadata["ownerReferences"];
  const { namespace, name, uid } = metadata;
  const uuid = uuidOf(metadata);
  // The label alone proves nothing: somebody may have put it on a Secret of theirs.
  if (uuid === undefined || name !== bootstrapSecretName(uuid)) return [];
  if (Array.isArray(owners) && owners.length > 0) return [];
  if (typeof namespace !== "string" || typeof uid !== "string") return [];
  return [{ namespace, name: bootstrapSecretName(uuid), uid, uuid }];
}

function uuidOf({ labels }: Fields): string | undefined {
  const uuid = isRecord(labels) ? labels[PROXY_UUID_LABEL] : undefined;
  return typeof uuid === "string" ? uuid : undefined;
}

interface Owner {
  readonly name: string;
  readonly uid: string;
}

interface Wanted {
  readonly namespace: string;
  readonly uuids: readonly string[];
}

/** By uuid. */
async function findPods(
  client: Client,
  { namespace, uuids }: Wanted,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Owner>> {
  const query = { labelSelector: `${PROXY_UUID_LABEL} in (${uuids.join(",")})` };
  const listed = await listMetadata(client, { path: `/api/v1/namespaces/${namespace}/pods`, query }, signal);
  return new Map(
    listed.flatMap((metadata): [string, Owner][] => {
      const { name, uid } = metadata;
      const uuid = uuidOf(metadata);
      return uuid !== undefined && typeof name === "string" && typeof uid === "string" ? [[uuid, { name, uid }]] : [];
    }),
  );
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
