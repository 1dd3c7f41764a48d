/**
 * The mesh's root, changed as users change it: by roles of MeshRootCertificates.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import type { Manifest } from "../support/workloads.ts";
import { replicas, scaleControlPlane } from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { apply, eventually, patchMeshConfig } from "./mesh.ts";

export type Role = "active" | "passive" | "inactive";

/** A root, as its MeshRootCertificate names it. */
export interface NamedRoot {
  /** Of the MeshRootCertificate. */
  readonly name: string;
  readonly trustDomain: string;
  /** `spec.provider`. */
  readonly provider: object;
}

/** Seconds. A kubelet brings a changed Secret to its pods within a minute and a half. */
const ROTATION = 300;

/** The root that is kept in a Secret of the mesh's namespace. */
export function rootIn(secret: string, name = `of-${secret}`, trustDomain = "cluster.local"): NamedRoot {
  const secretRef = { name: secret, namespace: MESH_NAMESPACE };
  return { name, trustDomain, provider: { tresor: { ca: { secretRef } } } };
}

export function certificateOf({ name, trustDomain, provider }: NamedRoot, role: Role): Manifest {
  return {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshRootCertificate",
    metadata: { namespace: MESH_NAMESPACE, name },
    spec: { role, trustDomain, provider },
  };
}

export async function setRole(root: NamedRoot, role: Role): Promise<void> {
  await apply(certificateOf(root, role));
}

/** Turns the feature on, with the root that is in force under a name of its own. */
export async function beginByRoles(ns: string, root: NamedRoot): Promise<void> {
  await setRole(root, "active");
  await patchMeshConfig({ featureFlags: { enableMeshRootCertificate: true } });
  await untilUsed(ns, root, "issuing");
}

/** Deletes all MeshRootCertificates and turns the feature off: what is in force stays. */
export async function endByRoles(): Promise<void> {
  await patchMeshConfig({ featureFlags: { enableMeshRootCertificate: false } });
  await kubectl(["-n", MESH_NAMESPACE, "delete", "meshrootcertificates", "--all"]);
}

/** Writes all roles at once, as one who waits for nothing, and resolves once the old root is used for nothing. */
export async function replaceRoot(ns: string, old: NamedRoot, next: NamedRoot): Promise<void> {
  // The webhook refuses a second active root that is new, and an active one that becomes inactive.
  for (const [root, role] of [
    [next, "passive"],
    [next, "active"],
    [old, "passive"],
    [old, "inactive"],
  ] as const)
    await setRole(root, role);
  await untilUsed(ns, next, "issuing");
  await untilUsed(ns, old, "unused");
}

interface Status {
  readonly state?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
}

/** Resolves with what is said of the root once it is used so. Pods of `ns` get their new files soon. */
export async function untilUsed(ns: string, { name }: NamedRoot, use: string): Promise<Status> {
  return await eventually(`the root ${name} is ${use}`, ROTATION, async () => {
    await hasten(ns);
    const status = await statusOf(name);
    assert.equal(status.state, use, JSON.stringify(status));
    return status;
  });
}

async function statusOf(name: string): Promise<Status> {
  const path = "jsonpath={.status}";
  return JSON.parse((await kubectl(["-n", MESH_NAMESPACE, "get", "meshrootcertificate", name, "-o", path])) || "{}");
}

/** Conditions of the root that are true, by their types, sorted. */
export async function conditionsOf({ name }: NamedRoot): Promise<readonly string[]> {
  const { conditions = [] } = await statusOf(name);
  return conditions.flatMap(({ type, status }) => (status === "True" ? [type] : [])).sort();
}

/** Has kubelets look at the pods' Secrets now, as they do for a pod that was changed, and not within a minute or two. */
export async function hasten(ns: string): Promise<void> {
  await kubectl(["-n", ns, "annotate", "pods", "--all", "--overwrite", `rotation-test/look=${Date.now()}`]);
}

/** Back to the root that other files of tests know the mesh by. No pod of the mesh may be left that would mind. */
export async function forgetRotations(): Promise<void> {
  await kubectl(["-n", MESH_NAMESPACE, "scale", "deployment", CONTROLLER, "--replicas=0"]);
  await eventually("the control plane is gone", 120, async () => assert.deepEqual(await replicas(), []));
  const found = await kubectl(["-n", MESH_NAMESPACE, "get", "secrets", "-o", "name"]);
  const made = found.split("\n").filter((name) => name.startsWith("secret/osm-ca-bundle--"));
  const records = ["configmap/osm-root-rotation", "configmap/osm-root-rotation-replicas"];
  await kubectl(["-n", MESH_NAMESPACE, "delete", "--ignore-not-found", ...records, ...made]);
  await scaleControlPlane(1);
}
