/**
 * Deletes what is left of a root that the mesh does not use any more: the Secret with its key, and its
 * MeshRootCertificate.
 *
 * @module
 */

import { isRecord } from "../core/model/fields.ts";
import type { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { refuseIfInUse } from "../rotation/in-use.ts";
import { RotationRefused } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";
import type { RootObjects, RootPlace } from "./root-objects.ts";
import { deleteRootSecret, secretTexts } from "./root-secret.ts";

export interface ForgetOptions extends RootPlace {
  readonly objects: Pick<RootObjects, "list" | "remove">;
  readonly rotator: Pick<Rotator, "roots" | "refresh">;
  /** Whether MeshRootCertificates decide. */
  readonly byRoles: boolean;
}

/** @returns what was deleted. Rejects with `RotationRefused` if it is in use, or there is nothing that may be deleted. */
export async function forgetRoot(name: string, options: ForgetOptions): Promise<readonly string[]> {
  const { client, namespace, objects, rotator, byRoles } = options;
  await rotator.refresh();
  const roots = await objects.list();
  const own = byRoles ? roots.find(({ meta }) => meta.name === name) : undefined;
  const store = own === undefined ? name : storeOf(own);
  refuseIfInUse(rotator.roots().record, { name, store });
  if (own !== undefined && own.role !== "inactive")
    throw new RotationRefused(`MeshRootCertificate ${name} is ${own.role}: make it inactive first`);
  const other = roots.find((one) => one !== own && store !== undefined && storeOf(one) === store);
  if (other !== undefined)
    throw new RotationRefused(
      `Secret ${namespace}/${store} is the root of MeshRootCertificate ${other.meta.name}, which is ${other.role}: forget that one, or delete it`,
    );
  const secret = store === undefined ? undefined : await findSecret(store, options);
  if (own === undefined && secret?.isOurs !== true) throw new RotationRefused(nothingLeft(name, secret, options));

  const deleted: string[] = [];
  if (own !== undefined) {
    await objects.remove(name);
    deleted.push(`MeshRootCertificate ${namespace}/${name}`);
  }
  // A Secret that an operator brought is the operator's to delete.
  if (store !== undefined && secret?.isOurs === true) {
    await deleteRootSecret({ client, namespace, name: store, uid: secret.uid });
    deleted.push(`Secret ${namespace}/${store}`);
  }
  return deleted;
}

/** The Secret with its key, if the mesh holds that. */
function storeOf({ provider }: MeshRootCertificate): string | undefined {
  return provider.kind === "tresor" ? provider.secret.name : undefined;
}

function nothingLeft(name: string, secret: FoundSecret | undefined, { namespace, byRoles }: ForgetOptions): string {
  if (secret !== undefined)
    return `Secret ${namespace}/${name} was not made by osm: delete it with kubectl if nobody needs it`;
  const object = byRoles ? `no MeshRootCertificate and ` : "";
  return `nothing is left of a root ${name}: there is ${object}no Secret ${namespace}/${name}`;
}

interface FoundSecret {
  readonly uid: string;
  /** A root that the control plane made, or OSM before it. */
  readonly isOurs: boolean;
}

async function findSecret(name: string, { client, namespace }: RootPlace): Promise<FoundSecret | undefined> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const found = await client.request({ path }).catch((cause: unknown) => {
    if (!hasStatus(cause, 404)) throw cause;
  });
  if (found === undefined) return undefined;
  const metadata = isRecord(found) && isRecord(found["metadata"]) ? found["metadata"] : {};
  const labels = isRecord(metadata["labels"]) ? metadata["labels"] : {};
  const keys = Object.keys(secretTexts(found));
  const isRoot = keys.includes("ca.crt") && keys.includes("private.key");
  return { uid: String(metadata["uid"]), isOurs: isRoot && labels["app.kubernetes.io/name"] === "openservicemesh.io" };
}
