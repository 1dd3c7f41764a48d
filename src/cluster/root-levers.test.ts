import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  anotherRoot,
  changesNothing,
  FIRST_SECRET,
  OLD,
  refused,
  rootOf,
  withRoles,
} from "../../test/support/root-checks.ts";
import { BAD, GOOD, ownKey, type Replica, RootsWorld } from "../../test/support/roots-world.ts";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";

let world: RootsWorld;
let asked: Replica;
beforeEach(async () => {
  world = await RootsWorld.start();
  asked = await world.replica();
});
afterEach(() => world.stop());

describe("a rotation without MeshRootCertificates", () => {
  beforeEach(async () => {
    world.byRoles = false;
    await world.lead();
  });

  it("goes to an authority, to a Secret that is there, or to a new root", async () => {
    await asked.levers.start({ provider: GOOD, trustDomain: "mesh.example" });
    const { record } = asked.rotator.roots();
    assert.ok(record.phase === "trusting" && /^cert-manager--[0-9a-f]{8}$/.test(record.to.name));
    assert.equal(record.to.trustDomain, "mesh.example");
    assert.deepEqual(record.to.source.kind === "cert-manager" && record.to.source.settings["issuerName"], "good");
    await asked.levers.rollBack();
    assert.equal(rootOf(await world.record()), FIRST_SECRET);

    world.putSecret("mine", await anotherRoot());
    await asked.levers.start({ provider: ownKey("mine") });
    assert.equal(rootOf(await world.record()), "trusting osm-ca-bundle mine");
    await asked.levers.rollBack();
    await asked.levers.start({});
    assert.match(rootOf(await world.record()), /^trusting osm-ca-bundle osm-ca-bundle--[0-9a-f]{8}$/);
    assert.deepEqual(world.roles(), []);
  });

  it("tries a Secret anew that was refused before", async () => {
    world.copySecret(FIRST_SECRET, "mine");
    await refused(asked.levers.start({ provider: ownKey("mine") }), /has the certificate of osm-ca-bundle/);
    world.putSecret("mine", await anotherRoot());
    await asked.levers.start({ provider: ownKey("mine") });
    assert.equal(rootOf(await world.record()), "trusting osm-ca-bundle mine");
  });

  it("is refused, and changes nothing, where the new root is none", async () => {
    await changesNothing(world, () => assert.rejects(asked.levers.start({ provider: BAD }), ProviderUnavailable));
    await changesNothing(world, () => refused(asked.levers.start({ provider: ownKey("gone") }), /there is no Secret/));
    await changesNothing(world, () =>
      refused(asked.levers.start({ provider: ownKey(FIRST_SECRET) }), /is the mesh's root already/),
    );
    for (const choice of [{ name: "x" }, { meshRootCertificate: "x" }])
      await changesNothing(world, () =>
        refused(
          asked.levers.start(choice),
          /x would be a MeshRootCertificate, .*enableMeshRootCertificate of the MeshConfig is off/,
        ),
      );
  });
});

describe("a root that is forgotten", () => {
  /** Moves on to the end. @returns the new root. */
  async function moved(): Promise<string> {
    await world.advance();
    await world.advance();
    return rootOf(await world.record());
  }

  it("goes with its Secret and its object, once nobody uses it", async () => {
    await withRoles(world);
    await refused(asked.levers.forget(OLD), /old is the mesh's root: rotate to another one first/);
    await asked.levers.start({});
    await refused(asked.levers.forget(OLD), /old is in use: a rotation from old to .* is under way \(trusting\)/);
    await refused(asked.levers.forget(FIRST_SECRET), /osm-ca-bundle is in use/);
    const next = await moved();
    await refused(
      asked.levers.forget(FIRST_SECRET),
      /is the root of MeshRootCertificate old, which is inactive: forget that one/,
    );
    const deleted = await asked.levers.forget(OLD);
    assert.deepEqual(deleted, ["MeshRootCertificate osm-system/old", "Secret osm-system/osm-ca-bundle"]);
    assert.deepEqual(world.roles(), [`${next} active`]);
    assert.equal(world.secrets().length, 1);
    await refused(
      asked.levers.forget(OLD),
      /nothing is left of a root old: there is no MeshRootCertificate and no Secret/,
    );
  });

  it("stays while it has a role, also one that cannot be followed", async () => {
    await withRoles(world);
    world.stopLeading();
    world.putRoot("next", "passive", GOOD);
    await refused(asked.levers.forget("next"), /MeshRootCertificate next is passive: make it inactive first/);
    world.byRoles = false;
    world.putSecret("other", {}, {});
    world.putRoot("next", "active", ownKey("other"));
    await refused(asked.levers.forget("other"), /is the root of MeshRootCertificate next, which is active/);
  });

  it("keeps a Secret that osm did not make, and what is no root", async () => {
    await withRoles(world);
    const label = { "app.kubernetes.io/name": "openservicemesh.io" };
    world.putSecret("mine", { "ca.crt": "x", "private.key": "y" });
    world.putSecret("token", { token: "x" }, label);
    for (const name of ["mine", "token"])
      await changesNothing(world, () => refused(asked.levers.forget(name), new RegExp(`${name} was not made by osm`)));
    world.putRoot("spare", "inactive", ownKey("mine"));
    assert.deepEqual(await asked.levers.forget("spare"), ["MeshRootCertificate osm-system/spare"]);
    assert.ok(world.secrets().includes("mine"));
    world.putRoot("far", "inactive", GOOD);
    assert.deepEqual(await asked.levers.forget("far"), ["MeshRootCertificate osm-system/far"]);
  });

  it("goes with its Secret alone where objects do not decide", async () => {
    world.byRoles = false;
    await world.lead();
    await asked.levers.start({});
    const next = await moved();
    assert.deepEqual(await asked.levers.forget(FIRST_SECRET), [`Secret osm-system/${FIRST_SECRET}`]);
    assert.deepEqual(world.secrets(), [next]);
    await refused(asked.levers.forget(FIRST_SECRET), /nothing is left of a root osm-ca-bundle: there is no Secret/);
    // The next start of a replica must not miss it.
    assert.equal(rootOf((await world.replica()).rotator.roots().record), next);
  });
});
