/**
 * The mesh's root is changed under load, with two replicas: it costs no request and no pod, and leaves nothing of the
 * old root behind.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import {
  allConnected,
  apiReader,
  askApi,
  expectNoFailure,
  leader,
  metricsOfAll,
  replicas,
  resetLoad,
  scaleControlPlane,
  settledReplicas,
  startLoad,
  untilQuiet,
} from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, podsOf, remove, setMode, WAIT } from "./mesh.ts";
import { whilePodsAreCreated } from "./pod-creation.ts";
import { filesAreOf, onlyRoot, rootOf } from "./root-in-use.ts";
import { beginByRoles, endByRoles, forgetRotations, rootIn, setRole, untilUsed } from "./root-roles.ts";

const NS = "rotation-test";
/** As `startLoad` names them. */
const APPS = ["web", "load-kept", "load-fresh"];
const ACCOUNTS = APPS.map((name) => `${NS}/${name}`);
/** Seconds. A kubelet brings a changed Secret to its pods within a minute and a half. */
const ROTATION = 300;

interface State {
  readonly phase: string;
  readonly step: number;
  readonly root: { readonly name: string };
  readonly next?: { readonly name: string };
  readonly laggards: readonly { readonly name: string; readonly reason: string }[];
}

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  await apply(...apiReader("osm-api-operator"), ...apiReader());
  await scaleControlPlane(2);
  await startLoad(NS);
  await untilQuiet();
  await allConnected();
}, WAIT);
after(async () => {
  await deleteNamespaces(NS);
  await remove(...apiReader("osm-api-operator"), ...apiReader());
  await forgetRotations();
}, WAIT);

const state = async (): Promise<State> => askApi((await replicas())[0] ?? "", "/api/v1/rotation");

/** Names of the pods under load, sorted by app. */
async function pods(): Promise<readonly string[]> {
  return (await Promise.all(APPS.map((name) => podsOf({ namespace: NS, name })))).flat();
}

/** Resolves once a phase is reached; says how far it was if it is not. */
async function until(phase: string, beyond: number, meanwhile?: () => Promise<void>): Promise<State> {
  return await eventually(`the rotation is ${phase}`, ROTATION, async () => {
    await meanwhile?.();
    const now = await state();
    assert.ok(now.step > beyond && now.phase === phase, JSON.stringify(now));
    return now;
  });
}

/** Asks a replica that does not lead: the one that does must hear of it. */
async function start(): Promise<State> {
  const leads = await leader();
  const follower = (await replicas()).find((name) => name !== leads) ?? leads;
  return await askApi<State>(follower, "/api/v1/rotation/start", {});
}

/** Secrets of roots that this mesh had, in their order: the last one signs. */
const secrets: string[] = [];

describe("X2: the root is changed under load", () => {
  it("fails no request and no pod's creation", WAIT, async () => {
    const before = await pods();
    await resetLoad(NS);
    const { step, root: old } = await state();
    let next = "";
    const startedAt = Date.now();
    await whilePodsAreCreated(NS, async () => {
      next = (await start()).next?.name ?? "";
      assert.equal((await until("steady", step)).root.name, next);
    });
    console.log(`the root was changed within ${(Date.now() - startedAt) / 1000} s`);
    assert.notEqual(next, old.name);
    await onlyRoot(await rootOf(next), ACCOUNTS);
    secrets.push(next);
    assert.deepEqual(await pods(), before, "pods were restarted");
    await allConnected();
    assert.equal(await metricsOfAll("osm_proxy_rejections_total"), 0);
    await expectNoFailure(NS, 30);
  });

  it("goes on when the leader is killed half-way", WAIT, async () => {
    const before = await pods();
    await resetLoad(NS);
    const { step } = await state();
    const { next } = await start();
    await until("issuing", step);
    const old = await leader();
    await kubectl(["-n", MESH_NAMESPACE, "delete", "pod", old, "--force", "--grace-period=0", "--wait=false"]);
    assert.equal((await until("steady", step)).root.name, next?.name);
    assert.notEqual(await leader(), old);
    await settledReplicas(2);
    await onlyRoot(await rootOf(next?.name ?? ""), ACCOUNTS);
    secrets.push(next?.name ?? "");
    assert.deepEqual(await pods(), before, "pods were restarted");
    await allConnected();
    await expectNoFailure(NS, 30);
  });
});

describe("X2: the root is changed by roles of MeshRootCertificates", () => {
  after(endByRoles, WAIT);

  it("one role at a time, and no request and no pod's creation fails", WAIT, async () => {
    const [secret = "", current = ""] = secrets;
    const [next, now] = [rootIn(secret), rootIn(current)];
    const before = await pods();
    await resetLoad(NS);
    await whilePodsAreCreated(NS, async () => {
      await beginByRoles(NS, now);
      await setRole(next, "passive");
      await untilUsed(NS, next, "validating");
      await setRole(next, "active");
      await setRole(now, "passive");
      await untilUsed(NS, next, "issuing");
      await untilUsed(NS, now, "validating");
      await setRole(now, "inactive");
      await untilUsed(NS, now, "unused");
    });
    const root = await rootOf(secret);
    await onlyRoot(root, ACCOUNTS);
    await filesAreOf(root, NS, before);
    assert.deepEqual(await pods(), before, "pods were restarted");
    await allConnected();
    await expectNoFailure(NS, 30);
  });
});
