/**
 * The rotation's record and the mesh's roots in a cluster: one ConfigMap, and a Secret for each root that we hold.
 *
 * @module
 */
import { openBuiltin } from "../ca/providers/builtin.ts";
import type { Millis } from "../core/base/millis.ts";
import { isRecord } from "../core/model/fields.ts";
import type { RootKeeper } from "../rotation/roots.ts";
import { RecordConflict, type RecordStore, type StoredRecord } from "../rotation/rotator.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus, ignoreMissing } from "../sources/kubernetes/kubernetes-error.ts";
import { randomHex } from "./root-choice.ts";
import { createRootSecret, openRootSecret, ROOT_SECRET, readRootSecret } from "./root-secret.ts";

type Client = Pick<KubernetesClient, "request">;

export const ROTATION_CONFIG_MAP = "osm-root-rotation";
const KEY = "record.json";

export interface RotationPlace {
  readonly client: Client;
  readonly namespace: string;
}

/** @param parse - Reads the record; throws for text that is none. */
export function clusterRecordStore(
  { client, namespace }: RotationPlace,
  parse: (text: string, where: string) => StoredRecord["record"],
): RecordStore {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const path = `${collection}/${ROTATION_CONFIG_MAP}`;
  return {
    async read() {
      const found = await client.request({ path }).catch(ignoreMissing);
      if (found === undefined) return undefined;
      const { text, resourceVersion } = readMap(found);
      return { record: parse(text, `ConfigMap ${namespace}/${ROTATION_CONFIG_MAP}`), revision: resourceVersion };
    },
    async write(record, before) {
      const labels = { "app.kubernetes.io/name": "openservicemesh.io" };
      const metadata = { name: ROTATION_CONFIG_MAP, namespace, labels };
      const data = { [KEY]: JSON.stringify(record) };
      const manifest = { apiVersion: "v1", kind: "ConfigMap", data };
      // The API server compares the version: of two who write at once, one is told of the other.
      const written =
        before === undefined
          ? await client.request({ method: "POST", path: collection, body: { ...manifest, metadata } }).catch(conflict)
          : await client
              .request({
                method: "PUT",
                path,
                body: { ...manifest, metadata: { ...metadata, resourceVersion: before } },
              })
              .catch(conflict);
      return readMap(written).resourceVersion;
    },
  };
}

/** Built-in roots as Secrets of the mesh namespace; one that was never used is made if it is missing, as OSM did. */
export function secretKeeper({ client, namespace }: RotationPlace, now: () => Millis): RootKeeper {
  return {
    async create(trustDomain) {
      const store = `${ROOT_SECRET}--${randomHex()}`;
      const { certificate } = await createRootSecret({ client, namespace, name: store, now: now() });
      return { name: store, source: { kind: "builtin", store }, trustDomain, certificates: [certificate] };
    },
    async open({ name, source, certificates }) {
      if (source.kind !== "builtin") throw new Error(`the root ${name} is of ${source.kind}, which is not set up`);
      const place = { client, namespace, name: source.store };
      // A root that proxies trust must not be made anew under its old name: nobody would trust it.
      const material =
        certificates.length === 0 ? await openRootSecret({ ...place, now: now() }) : await readRootSecret(place);
      if (material === undefined)
        throw new Error(`the Secret ${namespace}/${source.store} of the root ${name} is gone: put it back`);
      return openBuiltin(material, now);
    },
  };
}

function readMap(map: unknown): { readonly text: string; readonly resourceVersion: string } {
  const { metadata, data } = isRecord(map) ? map : {};
  const text = isRecord(data) ? data[KEY] : undefined;
  const resourceVersion = isRecord(metadata) ? metadata["resourceVersion"] : undefined;
  return {
    text: typeof text === "string" ? text : "",
    resourceVersion: typeof resourceVersion === "string" ? resourceVersion : "",
  };
}

function conflict(cause: unknown): never {
  if (hasStatus(cause, 409)) throw new RecordConflict("the rotation was changed in between", { cause });
  throw cause;
}
