/**
 * The mesh's root is changed under load, with two replicas: it costs no request and no pod, and leaves nothing of the
 * old root behind.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import type { Manifest } from "../support/workloads.ts";
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
import {
  apply,
  deleteNamespaces,
  ensureMesh,
  eventually,
  patchMeshConfig,
  podsOf,
  remove,
  setMode,
  WAIT,
} from "./mesh.ts";
import { whilePodsAreCreated } from "./pod-creation.ts";
import { filesAreOf, onlyRoot } from "./root-in-use.ts";

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

/** Back to the root that other files of tests know the mesh by. No pod of the mesh is left that would mind. */
async function forgetRotations(): Promise<void> {
  await kubectl(["-n", MESH_NAMESPACE, "scale", "deployment", CONTROLLER, "--replicas=0"]);
  await eventually("the control plane is gone", 120, async () => assert.deepEqual(await replicas(), []));
  const found = await kubectl(["-n", MESH_NAMESPACE, "get", "secrets", "-o", "name"]);
  const made = found.split("\n").filter((name) => name.startsWith("secret/osm-ca-bundle--"));
  const records = ["configmap/osm-root-rotation", "configmap/osm-root-rotation-replicas"];
  await kubectl(["-n", MESH_NAMESPACE, "delete", "--ignore-not-found", ...records, ...made]);
  await scaleControlPlane(1);
}

const state = async (): Promise<State> => askApi((await replicas())[0] ?? "", "/api/v1/rotation");

/** Names of the pods under load, sorted by app. */
async function pods(): Promise<readonly string[]> {
  return (await Promise.all(APPS.map((name) => podsOf({ namespace: NS, name })))).flat();
}

/** Has kubelets look at the pods' Secrets now, as they do for a pod that was changed, and not within a minute or two. */
async function hasten(): Promise<void> {
  await kubectl(["-n", NS, "annotate", "pods", "--all", "--overwrite", `rotation-test/look=${Date.now()}`]);
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
    await onlyRoot(next, ACCOUNTS);
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
    await onlyRoot(next?.name ?? "", ACCOUNTS);
    secrets.push(next?.name ?? "");
    assert.deepEqual(await pods(), before, "pods were restarted");
    await allConnected();
    await expectNoFailure(NS, 30);
  });
});

type Role = "active" | "passive" | "inactive";

/** A MeshRootCertificate, by the name of its root's Secret. */
function rooted(secret: string, role: Role): Manifest {
  return {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshRootCertificate",
    metadata: { namespace: MESH_NAMESPACE, name: `of-${secret}` },
    spec: {
      role,
      trustDomain: "cluster.local",
      provider: { tresor: { ca: { secretRef: { name: secret, namespace: MESH_NAMESPACE } } } },
    },
  };
}

async function use(secret: string, expected: string): Promise<void> {
  await eventually(`the root in ${secret} is ${expected}`, ROTATION, async () => {
    await hasten();
    const path = "jsonpath={.status}";
    const said = await kubectl(["-n", MESH_NAMESPACE, "get", "meshrootcertificate", `of-${secret}`, "-o", path]);
    const status = JSON.parse(said || "{}") as { readonly state?: string };
    assert.equal(status.state, expected, said);
  });
}

describe("X2: the root is changed by roles of MeshRootCertificates", () => {
  after(async () => {
    await kubectl(["-n", MESH_NAMESPACE, "delete", "meshrootcertificates", "--all"]);
    await patchMeshConfig({ featureFlags: { enableMeshRootCertificate: false } });
  }, WAIT);

  it("one role at a time, and no request and no pod's creation fails", WAIT, async () => {
    const [next = "", now = ""] = secrets;
    const before = await pods();
    await resetLoad(NS);
    await whilePodsAreCreated(NS, async () => {
      await apply(rooted(now, "active"));
      await patchMeshConfig({ featureFlags: { enableMeshRootCertificate: true } });
      await use(now, "issuing");
      await assert.rejects(start(), /409/, "roles decide, and not the API");
      await apply(rooted(next, "passive"));
      await use(next, "validating");
      await apply(rooted(next, "active"), rooted(now, "passive"));
      await use(next, "issuing");
      await use(now, "validating");
      await apply(rooted(now, "inactive"));
      await use(now, "unused");
    });
    const root = await onlyRoot(next, ACCOUNTS);
    await filesAreOf(root, NS, before);
    assert.deepEqual(await pods(), before, "pods were restarted");
    await allConnected();
    await expectNoFailure(NS, 30);
  });
});
