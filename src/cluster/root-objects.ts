/**
 * MeshRootCertificates as the levers write them: one role at a time, as the webhook lets everybody.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { isRecord } from "../core/model/fields.ts";
import {
  MeshRootCertificate,
  type RootProvider,
  type RootRole,
  writtenProvider,
} from "../core/model/mesh-root-certificate.ts";
import { RotationRefused } from "../rotation/record.ts";
import type { ApiRequest, KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus, ignoreMissing, KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";

export interface RootPlace {
  readonly client: Pick<KubernetesClient, "request">;
  /** The mesh's. */
  readonly namespace: string;
}

export interface RootObjectsOptions extends RootPlace {
  readonly pause: (time: Millis) => Promise<void>;
}

export interface NewRoot {
  readonly name: string;
  readonly role: RootRole;
  readonly trustDomain: string;
  readonly spiffeEnabled: boolean;
  readonly provider: RootProvider;
}

export interface RoleStep {
  readonly name: string;
  readonly from: RootRole;
  readonly to: RootRole;
}

/** All reject with `RotationRefused` where an operator has to know, otherwise with `KubernetesError`. */
export interface RootObjects {
  /** None where the kind is not defined. */
  list(): Promise<readonly MeshRootCertificate[]>;
  create(root: NewRoot): Promise<void>;
  /** Refused if somebody else changed the role. @returns the generation of the object then. */
  setRole(step: RoleStep): Promise<number>;
  /** Why the roles cannot be followed, as the leader said of this generation of one of them. */
  trouble(name: string, generation: number): Promise<string | undefined>;
  remove(name: string): Promise<void>;
}

const GROUP = "/apis/config.openservicemesh.io/v1alpha2";
export const ACCEPTED = "Accepted";
/** The webhook knows other roots from a watch, which may be a moment behind what was just written. */
const WEBHOOK_TRIES = 12;
const WEBHOOK_PAUSE: Millis = 250;
/** In the API server's words: it said no, or could not be asked. */
const FROM_WEBHOOK = /admission webhook "|failed calling webhook "/;

/** @param name - Absent: the collection. */
export function rootObjectPath(namespace: string, name?: string): string {
  return `${GROUP}/namespaces/${namespace}/meshrootcertificates${name === undefined ? "" : `/${name}`}`;
}

export function rootObjects(options: RootObjectsOptions): RootObjects {
  return {
    list: () => list(options),
    create: (root) => create(root, options),
    setRole: (step) => setRole(step, options),
    trouble: (name, generation) => trouble(name, generation, options),
    remove: (name) => remove(name, options),
  };
}

async function list({ client, namespace }: RootPlace): Promise<readonly MeshRootCertificate[]> {
  const found = await client.request({ path: rootObjectPath(namespace) }).catch(ignoreMissing);
  const items = isRecord(found) && Array.isArray(found["items"]) ? found["items"] : [];
  return items.map(read);
}

async function create({ name, provider, ...spec }: NewRoot, options: RootObjectsOptions): Promise<void> {
  const { namespace } = options;
  const metadata = { name, namespace, labels: { "app.kubernetes.io/name": "openservicemesh.io" } };
  const object = { apiVersion: "config.openservicemesh.io/v1alpha2", kind: "MeshRootCertificate", metadata };
  const body = { ...object, spec: { ...spec, provider: writtenProvider(provider) } };
  await write({ method: "POST", path: rootObjectPath(namespace), body }, options).catch((cause: unknown) => {
    if (!hasStatus(cause, 409)) throw cause;
    throw new RotationRefused(`there is a MeshRootCertificate ${name} already: choose it, or another name`, { cause });
  });
}

async function setRole({ name, from, to }: RoleStep, options: RootObjectsOptions): Promise<number> {
  // Only if it still is what was read: of two who change roles at once, one is told of the other.
  const body = [
    { op: "test", path: "/spec/role", value: from },
    { op: "replace", path: "/spec/role", value: to },
  ];
  const path = rootObjectPath(options.namespace, name);
  const request = { method: "PATCH", path, body, contentType: "application/json-patch+json" } as const;
  const patched = await write(request, options).catch((cause: unknown) => {
    if (!hasStatus(cause, 422) && !hasStatus(cause, 404)) throw cause;
    throw new RotationRefused(`MeshRootCertificate ${name} is not ${from} any more: somebody changed it`, { cause });
  });
  return read(patched).meta.generation;
}

async function trouble(name: string, generation: number, { client, namespace }: RootPlace) {
  const { status } = read(await client.request({ path: rootObjectPath(namespace, name) }));
  const said = status.conditions.find(
    ({ type, observedGeneration }) => type === ACCEPTED && observedGeneration === generation,
  );
  return said?.status === "False" ? said.message : undefined;
}

async function remove(name: string, { client, namespace }: RootPlace): Promise<void> {
  await client.request({ method: "DELETE", path: rootObjectPath(namespace, name) }).catch(ignoreMissing);
}

/** Asks again for a moment where the webhook says no: it may not have heard of the step before. */
async function write(request: ApiRequest, { client, pause }: RootObjectsOptions): Promise<unknown> {
  for (let left = WEBHOOK_TRIES; ; left--) {
    const answer = await client.request(request).catch((cause: unknown) => refusalOf(cause));
    if (!(answer instanceof RotationRefused)) return answer;
    if (left === 1) throw answer;
    await pause(WEBHOOK_PAUSE);
  }
}

/** In the webhook's words. @throws the cause if it is not a webhook's. */
function refusalOf(cause: unknown): RotationRefused {
  if (cause instanceof KubernetesError && cause.status !== 0 && FROM_WEBHOOK.test(cause.message))
    return new RotationRefused(cause.message, { cause });
  throw cause;
}

/** Going on without one that cannot be read could leave out a root that is in use. */
function read(raw: unknown): MeshRootCertificate {
  const parsed = MeshRootCertificate.parse(raw);
  if (parsed.ok) return parsed.value;
  const name = isRecord(raw) && isRecord(raw["metadata"]) ? String(raw["metadata"]["name"]) : "";
  const [found] = parsed.findings;
  throw new RotationRefused(`MeshRootCertificate ${name} cannot be read: ${found?.path ?? ""} ${found?.message ?? ""}`);
}
