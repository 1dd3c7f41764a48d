/**
 * Bootstrap Secrets under other roots: rewritten in place, and read anew by running Envoys, which watch their folder.
 *
 * @module
 */
import type { ProxyIdentity } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import type { ProxyCredential } from "../core/inject/bootstrap-secret.ts";
import { BOOTSTRAP_KEYS } from "../core/inject/bootstrap-secret.ts";
import { bootstrapSecretName } from "../core/inject/names.ts";
import { isRecord } from "../core/model/fields.ts";
import { PROXY_UUID_LABEL } from "../core/model/pod.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { ignoreMissing } from "../sources/kubernetes/kubernetes-error.ts";

/** Says under which roots a Secret was written. */
export const CREDENTIAL_ANNOTATION = "openservicemesh.io/credential-roots";
/** A root that was dropped stays in pods' files for this long: a replica that is behind may still show its certificate. */
export const LINGER: Millis = 60_000;
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const PAGE = 500;

export interface CredentialSource {
  /** Which roots Secrets should have by now; undefined: nothing to do. */
  wanted(): string | undefined;
  /** The account of the pod with this uuid; undefined if there is none, or more than one. */
  identityOf(uuid: string, namespace: string): ProxyIdentity | undefined;
  issue(identity: ProxyIdentity): Promise<MarkedCredential>;
}

/** With the roots under which it was made, in the words of `wanted`: those may have changed since the look began. */
export interface MarkedCredential extends ProxyCredential {
  readonly under: string;
}

interface Found {
  readonly namespace: string;
  readonly uuid: string;
  readonly roots: string;
}

/** Rewrites every Secret that was written under other roots. One that fails does not keep the others from theirs. */
export async function rotateBootstrapSecrets(
  client: Pick<KubernetesClient, "request">,
  source: CredentialSource,
  signal: AbortSignal,
): Promise<void> {
  const wanted = source.wanted();
  if (wanted === undefined) return;
  const failures: unknown[] = [];
  for (const { namespace, uuid, roots } of await list(client, signal)) {
    const identity = roots === wanted ? undefined : source.identityOf(uuid, namespace);
    if (identity === undefined) continue;
    signal.throwIfAborted();
    await rewrite(client, { namespace, uuid }, await source.issue(identity)).catch((cause: unknown) =>
      failures.push(cause),
    );
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} bootstrap Secrets, first: ${String(failures[0])}`);
}

async function rewrite(
  client: Pick<KubernetesClient, "request">,
  { namespace, uuid }: { readonly namespace: string; readonly uuid: string },
  { roots, chain, key, issuerId, under }: MarkedCredential,
): Promise<void> {
  const stringData = {
    [BOOTSTRAP_KEYS.roots]: roots,
    [BOOTSTRAP_KEYS.certificate]: chain,
    [BOOTSTRAP_KEYS.key]: key.reveal(),
    [BOOTSTRAP_KEYS.signing]: issuerId,
    [BOOTSTRAP_KEYS.validating]: issuerId,
  };
  const path = `/api/v1/namespaces/${namespace}/secrets/${bootstrapSecretName(uuid)}`;
  const body = { metadata: { annotations: { [CREDENTIAL_ANNOTATION]: under } }, stringData };
  await client.request({ method: "PATCH", path, body }).catch(ignoreMissing); // the pod ended meanwhile
}

async function list(client: Pick<KubernetesClient, "request">, signal: AbortSignal): Promise<readonly Found[]> {
  const found: Found[] = [];
  let next: string | undefined;
  do {
    const query = { labelSelector: PROXY_UUID_LABEL, limit: PAGE, continue: next };
    const page = await client.request({ path: "/api/v1/secrets", query, accept: METADATA_ONLY, signal });
    const { items, metadata } = isRecord(page) ? page : {};
    found.push(...(Array.isArray(items) ? items : []).flatMap(readItem));
    const token = isRecord(metadata) ? metadata["continue"] : undefined;
    next = typeof token === "string" && token !== "" ? token : undefined;
  } while (next !== undefined);
  return found;
}

function readItem(item: unknown): readonly Found[] {
  const metadata = isRecord(item) && isRecord(item["metadata"]) ? item["metadata"] : {};
  const { namespace, name, labels, annotations } = metadata;
  const uuid = isRecord(labels) ? labels[PROXY_UUID_LABEL] : undefined;
  const roots = isRecord(annotations) ? annotations[CREDENTIAL_ANNOTATION] : undefined;
  // The label alone proves nothing: somebody may have put it on a Secret of theirs.
  if (typeof namespace !== "string" || typeof uuid !== "string" || name !== bootstrapSecretName(uuid)) return [];
  return [{ namespace, uuid, roots: typeof roots === "string" ? roots : "" }];
}
