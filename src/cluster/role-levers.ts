/**
 * Levers of a mesh whose roots are MeshRootCertificates: they write roles, as an operator would, and the leader follows.
 *
 * Roles are written one at a time in the order that the webhook asks of everybody (platform spec 4.2). After each the
 * mesh is whole: the root that signs signs on, and the other one is trusted or is about to be. So a crash in between
 * leaves roles that can be followed, and that an operator or a rollback takes further.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { MeshRootCertificate, RootProvider, RootRole } from "../core/model/mesh-root-certificate.ts";
import { useOf } from "../rotation/intent.ts";
import { type RootRef, type RotationRecord, RotationRefused, rollBack, start, underWay } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import { refOf } from "./mesh-roots.ts";
import { roleSteps, writeRoles } from "./role-writer.ts";
import { checkSecret, type RootChoice, randomHex } from "./root-choice.ts";
import type { RootObjects, RootPlace } from "./root-objects.ts";
import { sourceFrom } from "./root-providers.ts";
import { createRootSecret, deleteRootSecret, ROOT_SECRET } from "./root-secret.ts";

export interface RoleLeversOptions extends RootPlace {
  readonly objects: RootObjects;
  readonly rotator: Pick<Rotator, "roots" | "refresh" | "complete" | "release" | "rollBack">;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
  readonly pause: (time: Millis) => Promise<void>;
}

/** What the mesh is to move to. */
interface Next {
  readonly name: string;
  readonly role: RootRole;
  /** Takes back what was made for it. */
  undo(): Promise<void>;
}

/** What an operator finds in place. */
interface Found {
  readonly roots: readonly MeshRootCertificate[];
  readonly old: MeshRootCertificate;
}

/** OSM's name of the first one. */
const OBJECT = "osm-mesh-root-certificate";

/** Resolves once the record moves. Rejects with `RotationRefused` if it will not; all is as before then. */
export async function startByRoles(choice: RootChoice, options: RoleLeversOptions): Promise<void> {
  const { objects, rotator } = options;
  await rotator.refresh();
  const roots = await objects.list();
  const old = onlyActive(rotator.roots().record, roots);
  const { meshRootCertificate: chosen } = choice;
  const { name, role, undo } =
    chosen === undefined
      ? await makeNext(choice, { roots, old }, options)
      : await chooseNext(chosen, { roots, old }, options);
  try {
    const steps = [...roleSteps(name, role, "active"), ...roleSteps(old.meta.name, "active", "inactive")];
    await writeRoles({ steps, active: name, follows: (record) => isGoingTo(record, name) }, options);
  } catch (cause) {
    await rotator.release();
    // Not if it came true at the last moment: a root that signs must not lose its key before the way back is over.
    await rotator.refresh().catch(() => undefined);
    if (useOf(rotator.roots().record, name) !== "issuing") await undoAfter(cause, { name, undo });
    throw cause;
  }
}

async function undoAfter(cause: unknown, { name, undo }: Omit<Next, "role">): Promise<void> {
  await undo().catch((left: unknown) => {
    if (!(cause instanceof RotationRefused)) throw cause;
    const why = left instanceof Error ? left.message : String(left);
    throw new RotationRefused(`${cause.message}; ${name} is inactive, but could not be deleted: ${why}`, { cause });
  });
}

/** Resolves once the record goes back. Rejects with `RotationRefused` if it will not; roles are as before then. */
export async function rollBackByRoles(options: RoleLeversOptions): Promise<void> {
  const { objects, rotator, now, namespace } = options;
  await rotator.refresh();
  const { record } = rotator.roots();
  if (record.phase === "steady" || record.phase === "returning") {
    rollBack(record, now()); // throws if there is nothing to go back from
    return;
  }
  const roots = await objects.list();
  if (roots.every(({ role }) => role === "inactive")) {
    await rotator.rollBack(); // nobody's role says otherwise
    return;
  }
  const named = (name: string) => roots.find(({ meta }) => meta.name === name);
  const [from, to] = [named(record.from.name), named(record.to.name)];
  if (from === undefined)
    throw new RotationRefused(
      `there is no MeshRootCertificate ${namespace}/${record.from.name} any more: create it again, passive, and roll back then`,
    );
  const steps = [
    ...roleSteps(from.meta.name, from.role, "active"),
    ...(to === undefined ? [] : roleSteps(to.meta.name, to.role, "inactive")),
  ];
  const follows = (current: RotationRecord): boolean =>
    current.phase === "returning" || (current.phase === "steady" && current.root.name === from.meta.name);
  await writeRoles({ steps, active: from.meta.name, follows }, options);
}

function isGoingTo(record: RotationRecord, name: string): boolean {
  return record.phase === "steady" ? record.root.name === name : record.to.name === name;
}

/** The object of the root in force. @throws RotationRefused unless roles and record agree on it. */
function onlyActive(record: RotationRecord, roots: readonly MeshRootCertificate[]): MeshRootCertificate {
  if (record.phase !== "steady") throw new RotationRefused(`${underWay(record)}: wait for its end, or roll it back`);
  const inUse = roots.filter(({ role }) => role !== "inactive");
  const [only, another] = inUse;
  if (only === undefined)
    throw new RotationRefused(
      `no MeshRootCertificate is active: create one of the root in force, ${record.root.name}, with role active`,
    );
  if (another !== undefined || only.role !== "active")
    throw new RotationRefused(
      `a rotation begins with one active MeshRootCertificate and no passive one, but ${inUse.map(({ meta, role }) => `${meta.name} is ${role}`).join(" and ")}`,
    );
  if (only.meta.name !== record.root.name)
    throw new RotationRefused(
      `MeshRootCertificate ${only.meta.name} is active, but ${record.root.name} is the mesh's root: wait a moment, or see its status`,
    );
  return only;
}

async function chooseNext(name: string, { roots, old }: Found, options: RoleLeversOptions): Promise<Next> {
  const chosen = roots.find(({ meta }) => meta.name === name);
  if (chosen === undefined) throw new RotationRefused(`there is no MeshRootCertificate ${options.namespace}/${name}`);
  if (chosen === old) throw new RotationRefused(`${name} is the mesh's root already: name another one`);
  await checkSecret(chosen.provider, options);
  await tryOut(refOf(chosen), options);
  return { name, role: chosen.role, undo: async () => {} };
}

async function makeNext(choice: RootChoice, { roots, old }: Found, options: RoleLeversOptions): Promise<Next> {
  const { objects } = options;
  const hex = randomHex();
  const { name = `${OBJECT}-${hex}`, trustDomain = old.trustDomain } = choice;
  if (roots.some(({ meta }) => meta.name === name))
    throw new RotationRefused(`there is a MeshRootCertificate ${name} already: choose it, or another name`);
  const { provider, forget } = await keyOf({ name, trustDomain, hex, provider: choice.provider }, options);
  try {
    const { spiffeEnabled } = old;
    await objects.create({ name, role: "passive", trustDomain, spiffeEnabled, provider });
  } catch (cause) {
    // Without an answer it may be there, and needs its key.
    if (cause instanceof RotationRefused) await forget();
    throw cause;
  }
  return {
    name,
    role: "passive",
    async undo() {
      await objects.remove(name);
      await forget();
    },
  };
}

interface KeyWish {
  readonly name: string;
  readonly trustDomain: string;
  readonly hex: string;
  readonly provider: RootProvider | undefined;
}

/** An authority that was named, once it has signed; or a new key of our own. */
async function keyOf({ name, trustDomain, hex, provider }: KeyWish, options: RoleLeversOptions) {
  const { client, namespace, now } = options;
  if (provider !== undefined) {
    await checkSecret(provider, options);
    await tryOut({ name, source: sourceFrom(provider), trustDomain, certificates: [] }, options);
    return { provider, forget: async () => {} };
  }
  const secret = { client, namespace, name: `${ROOT_SECRET}--${hex}` };
  await createRootSecret({ ...secret, now: now() });
  const made: RootProvider = { kind: "tresor", secret: { namespace, name: secret.name } };
  return { provider: made, forget: () => deleteRootSecret(secret) };
}

/** Rejects if it cannot sign, or not after the one in force. */
async function tryOut(ref: RootRef, { rotator, now }: RoleLeversOptions): Promise<void> {
  try {
    start(rotator.roots().record, await rotator.complete(ref), { now: now() });
  } catch (cause) {
    await rotator.release();
    throw cause;
  }
}
