/**
 * The mesh moves from authority to authority under load, by roles that are written at once: built-in, Vault,
 * cert-manager, another trust domain. It costs no request, no connection and no pod, and leaves nothing behind.
 *
 * Needs a Vault (VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT) that pods reach at VAULT_POD_ADDR, and cert-manager in the
 * cluster; without one of them its steps are skipped.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { Authorities, type KnownRoot, NO_CERT_MANAGER, NO_VAULT } from "./authorities.ts";
import { apiReader, metricsOfAll, scaleControlPlane, untilQuiet } from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, remove, setMode, WAIT } from "./mesh.ts";
import { filesAreOf, filesLeadTo, onlyRoot, rootOf } from "./root-in-use.ts";
import {
  beginByRoles,
  conditionsOf,
  endByRoles,
  forgetRotations,
  replaceRoot,
  rootIn,
  setRole,
  untilUsed,
} from "./root-roles.ts";
import { accountsOf, beginCount, type Count, expectUnharmed, podsUnderLoad, startWholeLoad } from "./rotation-load.ts";

const NS = "authorities-test";
const FIRST = "osm-ca-bundle";
const authorities = new Authorities();
/** The root in force. */
let current: KnownRoot;

let vaults: readonly KnownRoot[] = [];
let issuers: readonly KnownRoot[] = [];

for (const reason of [NO_VAULT, NO_CERT_MANAGER]) if (reason !== undefined) console.error(`\n!!! SKIPPED: ${reason}`);
const withVault = NO_VAULT === undefined ? WAIT : { skip: NO_VAULT };
const withCertManager = NO_CERT_MANAGER === undefined ? WAIT : { skip: NO_CERT_MANAGER };

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  await apply(...apiReader());
  await scaleControlPlane(2);
  await untilQuiet();
  await startWholeLoad(NS);
  current = { ...rootIn(FIRST, "home"), pem: await rootOf(FIRST) };
  await beginByRoles(NS, current);
  if (NO_VAULT === undefined) vaults = await authorities.vaults();
  if (NO_CERT_MANAGER === undefined) issuers = await authorities.certManagers();
}, WAIT);
after(async () => {
  await deleteNamespaces(NS);
  await endByRoles();
  await remove(...apiReader());
  await forgetRotations();
  await authorities.remove();
}, WAIT);

async function move(next: KnownRoot): Promise<void> {
  const count = await beginCount(NS);
  await replaceRoot(NS, current, next);
  console.log(`moved to ${next.name} within ${(Date.now() - count.startedAt) / 1000} s`);
  await expectMoved(current, next, count);
  current = next;
}

/** All of the mesh is on the root `to`, nothing of `from` is left but files that linger, and nothing was harmed. */
async function expectMoved(from: KnownRoot, to: KnownRoot, count: Count): Promise<void> {
  await onlyRoot(to.pem, accountsOf(NS));
  await filesLeadTo(to.pem, NS, await podsUnderLoad(NS));
  assert.deepEqual(await conditionsOf(to), ["Accepted", "Ready"]);
  assert.deepEqual(await conditionsOf(from), ["Accepted"]);
  await noRequestsLeft();
  assert.equal(await metricsOfAll("osm_proxy_rejections_total"), 0);
  await expectUnharmed(count);
}

/** Of certificates, in the mesh's namespace: each is deleted once it was answered. */
async function noRequestsLeft(): Promise<void> {
  if (NO_CERT_MANAGER !== undefined) return;
  const list = ["-n", MESH_NAMESPACE, "get", "certificaterequests.cert-manager.io", "-o", "name"];
  await eventually("no CertificateRequest is left", 20, async () => assert.equal(await kubectl(list), ""));
}

/** One of those that were set up. */
function root(of: readonly KnownRoot[], index: number): KnownRoot {
  const found = of[index];
  assert.ok(found !== undefined);
  return found;
}

describe("the mesh's root moves between authorities, under load", () => {
  it("from a built-in root to Vault [e2e_hashivault, e2e_meshrootcertificate]", withVault, () => move(root(vaults, 0)));

  it("to another root of the same Vault [e2e_meshrootcertificate]", withVault, () => move(root(vaults, 1)));

  it("and back, half-way to cert-manager [e2e_meshrootcertificate]", withCertManager, async () => {
    const next = root(issuers, 0);
    const count = await beginCount(NS);
    await setRole(next, "passive");
    await setRole(next, "active");
    await setRole(current, "passive");
    await untilUsed(NS, next, "issuing");
    await setRole(current, "active");
    await setRole(next, "passive");
    await setRole(next, "inactive");
    await untilUsed(NS, next, "unused");
    await expectMoved(next, current, count);
  });

  it("X1: to an Issuer of cert-manager [e2e_certmanager, e2e_meshrootcertificate]", withCertManager, () =>
    move(root(issuers, 0)),
  );

  it("to a ClusterIssuer with an authority below its root [e2e_meshrootcertificate]", withCertManager, () =>
    move(root(issuers, 1)),
  );

  it("to a built-in root in another trust domain [e2e_meshrootcertificate]", WAIT, async () =>
    move(await authorities.builtin("away", "mesh.example")),
  );

  it("and home, where pods' files know no other root [e2e_meshrootcertificate]", WAIT, async () => {
    const pods = await podsUnderLoad(NS);
    const count = await beginCount(NS);
    await move({ ...rootIn(FIRST, "home-again"), pem: await rootOf(FIRST) });
    await filesAreOf(current.pem, NS, pods);
    await expectUnharmed(count);
  });
});
