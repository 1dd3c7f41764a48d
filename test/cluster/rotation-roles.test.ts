/**
 * One POST changes the mesh's root where MeshRootCertificates decide: it writes their roles as an operator would, past
 * the webhook, and any replica may be asked. A root that is not used any more is forgotten.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { apiReader, askApi, leader, replicas, scaleControlPlane, untilQuiet } from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, remove, setMode, WAIT } from "./mesh.ts";
import { onlyRoot, rootOf } from "./root-in-use.ts";
import { beginByRoles, conditionsOf, endByRoles, forgetRotations, hasten, rootIn } from "./root-roles.ts";
import { accountsOf, beginCount, expectUnharmed, startWholeLoad } from "./rotation-load.ts";

const NS = "roles-test";
const FIRST = "osm-ca-bundle";
/** Seconds. A kubelet brings a changed Secret to its pods within a minute and a half. */
const ROTATION = 300;

interface State {
  readonly phase: string;
  readonly root: { readonly name: string };
  readonly next?: { readonly name: string };
}

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  await apply(...apiReader("osm-api-operator"), ...apiReader());
  await scaleControlPlane(2);
  await untilQuiet();
  await startWholeLoad(NS);
  await beginByRoles(NS, rootIn(FIRST, "home"));
}, WAIT);
after(async () => {
  await deleteNamespaces(NS);
  await endByRoles();
  await remove(...apiReader("osm-api-operator"), ...apiReader());
  await forgetRotations();
}, WAIT);

/** Asks a replica that does not lead: the one that does must hear of it. */
async function pull<T = State>(lever: string, body: object = {}): Promise<T> {
  const leads = await leader();
  const follower = (await replicas()).find((name) => name !== leads) ?? leads;
  return await askApi<T>(follower, `/api/v1/rotation/${lever}`, body);
}

async function until(phase: string, root: string): Promise<void> {
  await eventually(`the rotation is ${phase} with ${root}`, ROTATION, async () => {
    await hasten(NS);
    const state = await askApi<State>((await replicas())[0] ?? "", "/api/v1/rotation");
    assert.deepEqual([state.phase, state.root.name], [phase, root], JSON.stringify(state));
  });
}

/** Each MeshRootCertificate with its role, sorted. */
async function roles(): Promise<readonly string[]> {
  const each = "jsonpath={range .items[*]}{.metadata.name} {.spec.role}{'\\n'}{end}";
  const found = await kubectl(["-n", MESH_NAMESPACE, "get", "meshrootcertificates", "-o", each]);
  return found.trim().split("\n").sort();
}

async function secretOf(name: string): Promise<string> {
  const path = "jsonpath={.spec.provider.tresor.ca.secretRef.name}";
  return await kubectl(["-n", MESH_NAMESPACE, "get", "meshrootcertificate", name, "-o", path]);
}

async function onRoot(name: string): Promise<void> {
  await until("steady", name);
  await onlyRoot(await rootOf(await secretOf(name)), accountsOf(NS));
  assert.deepEqual(await conditionsOf(rootIn("", name)), ["Accepted", "Ready"]);
}

describe("X2: one POST changes the root by roles", () => {
  it("makes the new root and its object, and fails no request", WAIT, async () => {
    const count = await beginCount(NS);
    const started = await pull("start", { name: "second" });
    assert.deepEqual([started.root.name, started.next?.name], ["home", "second"], JSON.stringify(started));
    assert.deepEqual(await roles(), ["home inactive", "second active"]);
    await onRoot("second");
    assert.match(await secretOf("second"), /^osm-ca-bundle--[0-9a-f]{8}$/);
    await expectUnharmed(count);
  });

  it("goes back from the middle, and forward again to the same object", WAIT, async () => {
    const count = await beginCount(NS);
    await pull("start", { name: "third" });
    await until("issuing", "second");
    const back = await pull("rollback");
    assert.equal(back.phase, "returning");
    assert.deepEqual(await roles(), ["home inactive", "second active", "third inactive"]);
    await onRoot("second");
    await pull("start", { meshRootCertificate: "third" });
    assert.deepEqual(await roles(), ["home inactive", "second inactive", "third active"]);
    await onRoot("third");
    await expectUnharmed(count);
  });

  it("refuses what cannot be followed, with the reason, and changes nothing", WAIT, async () => {
    const before = await roles();
    const secretRef = { name: "none", namespace: MESH_NAMESPACE };
    for (const [lever, body, reason] of [
      ["start", { provider: { tresor: { ca: { secretRef } } } }, /409 .*there is no Secret osm-system\/none/],
      ["start", { meshRootCertificate: "none" }, /409 .*there is no MeshRootCertificate/],
      ["start", { name: "home" }, /409 .*there is a MeshRootCertificate home already/],
      ["rollback", {}, /409 .*nothing to roll back/],
      ["forget", { root: "third" }, /409 .*third is the mesh's root/],
    ] as const)
      await assert.rejects(pull(lever, body), reason);
    assert.deepEqual(await roles(), before);
  });

  it("forgets a root with its Secret and its object", WAIT, async () => {
    const secret = await secretOf("second");
    const { deleted } = await pull<{ readonly deleted: readonly string[] }>("forget", { root: "second" });
    assert.deepEqual(deleted, [`MeshRootCertificate ${MESH_NAMESPACE}/second`, `Secret ${MESH_NAMESPACE}/${secret}`]);
    assert.deepEqual(await roles(), ["home inactive", "third active"]);
    await assert.rejects(rootOf(secret), /not found/);
    await onRoot("third");
  });
});
