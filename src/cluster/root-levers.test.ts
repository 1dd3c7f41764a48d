import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import { RootRefused } from "../ca/refusal.ts";
import { type RotationRecord, RotationRefused } from "../rotation/record.ts";
import { BAD, GOOD, NAMESPACE, ownKey, type Replica, RootsWorld } from "./testing/roots-world.ts";

const OLD = "old";
const FIRST_SECRET = "osm-ca-bundle";
const MADE = /^osm-mesh-root-certificate-[0-9a-f]{8}$/;

let world: RootsWorld;
let asked: Replica;
beforeEach(async () => {
  world = await RootsWorld.start();
  asked = await world.replica();
});
afterEach(() => world.stop());

/** A mesh whose one root has an object, and a replica that leads it. */
async function withRoles(): Promise<void> {
  world.putRoot(OLD, "active");
  await world.lead();
  await eventually(async () => assert.equal(rootOf(await world.record()), OLD));
}

/** Until `check` does not throw. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await check();
    } catch (error) {
      if (tries === 200) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function rootOf(record: RotationRecord): string {
  return record.phase === "steady" ? record.root.name : `${record.phase} ${record.from.name} ${record.to.name}`;
}

const refused = (work: Promise<unknown>, reason: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof RotationRefused, String(error));
    assert.match(error.message, reason);
    return true;
  });

/** Runs a lever that must not change anything. */
async function changesNothing(lever: () => Promise<unknown>): Promise<void> {
  const before = [world.roles(), world.secrets(), await world.record()];
  await lever();
  assert.deepEqual([world.roles(), world.secrets(), await world.record()], before);
}

describe("a rotation by roles", () => {
  it("makes a root of the mesh's own, with its object, and goes on to the end", async () => {
    world.putRoot(OLD, "active", ownKey(FIRST_SECRET), { spiffeEnabled: true });
    await world.lead();
    await eventually(async () => assert.equal(rootOf(await world.record()), OLD));
    await asked.levers.start({ trustDomain: "mesh.example" });
    const { record } = asked.rotator.roots();
    assert.ok(record.phase === "trusting" && MADE.test(record.to.name));
    const made = world.root(record.to.name);
    assert.ok(made?.provider.kind === "tresor");
    assert.deepEqual([made.role, made.trustDomain, made.spiffeEnabled], ["active", "mesh.example", true]);
    assert.equal(world.root(OLD)?.role, "inactive");
    assert.equal(made.provider.secret.name, `${FIRST_SECRET}--${record.to.name.slice(-8)}`);
    assert.deepEqual(world.secrets(), [FIRST_SECRET, made.provider.secret.name]);
    // Who reads the mesh's Secrets for a way to the old root finds the new one's certificate in the record.
    assert.equal(record.to.certificates.length, 1);

    await eventually(async () => {
      const now = await world.record();
      assert.ok(now.phase === "trusting" && now.until === "steady");
    });
    await world.advance();
    await world.advance();
    assert.equal(rootOf(await world.record()), record.to.name);
  });

  it("takes an authority and a name", async () => {
    await withRoles();
    await asked.levers.start({ provider: GOOD, name: "next" });
    assert.equal(rootOf(asked.rotator.roots().record), "trusting old next");
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
    assert.deepEqual(world.root("next")?.provider, GOOD);
    assert.equal(world.root("next")?.trustDomain, "cluster.local");
    assert.deepEqual(world.secrets(), [FIRST_SECRET]);
  });

  it("takes an object that is there and inactive", async () => {
    await withRoles();
    world.putRoot("spare", "inactive", GOOD, { trustDomain: "mesh.example" });
    await asked.levers.start({ meshRootCertificate: "spare" });
    const { record } = asked.rotator.roots();
    assert.ok(record.phase === "trusting" && record.to.trustDomain === "mesh.example");
    assert.deepEqual(world.roles(), ["old inactive", "spare active"]);
  });

  it("waits for a webhook that has not heard of the step before", async () => {
    await withRoles();
    world.believed = world.roots();
    const start = asked.levers.start({ provider: GOOD, name: "next" });
    await start;
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
  });

  it("is refused, and changes nothing, where the new root cannot sign", async () => {
    await withRoles();
    const said = {
      name: "ProviderUnavailable",
      message: /cert-manager's Issuer osm-system\/bad: there is no such Issuer; make it/,
    };
    await changesNothing(() => assert.rejects(asked.levers.start({ provider: BAD }), said));
    world.putRoot("spare", "inactive", BAD);
    await changesNothing(() => assert.rejects(asked.levers.start({ meshRootCertificate: "spare" }), said));
  });

  it("is refused, and changes nothing, where a Secret is not there, is no root, or is the old one again", async () => {
    await withRoles();
    const start = (name: string, namespace = NAMESPACE) => asked.levers.start({ provider: ownKey(name, namespace) });
    await changesNothing(() => refused(start("mine"), /there is no Secret osm-system\/mine: make it with kubectl/));
    await changesNothing(() => refused(start("mine", "shop"), /Secret shop\/mine is not in the mesh's namespace/));
    world.putSecret("mine", { "ca.crt": "x" });
    await changesNothing(() => assert.rejects(start("mine"), RootRefused));
    world.copySecret(FIRST_SECRET, "copy");
    await changesNothing(() => refused(start("copy"), /has the certificate of old: give it a key/));
    world.putRoot("lost", "inactive", ownKey("gone"));
    await changesNothing(() =>
      refused(asked.levers.start({ meshRootCertificate: "lost" }), /there is no Secret .*gone/),
    );
  });

  it("tries a Secret anew that was refused before", async () => {
    await withRoles();
    world.copySecret(FIRST_SECRET, "mine");
    await refused(asked.levers.start({ provider: ownKey("mine") }), /has the certificate of old/);
    const other = await RootsWorld.start();
    try {
      await other.replica();
      world.putSecret("mine", other.secretData(FIRST_SECRET));
    } finally {
      await other.stop();
    }
    await asked.levers.start({ provider: ownKey("mine"), name: "next" });
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
  });

  it("begins from one active object and no other, which is the mesh's root", async () => {
    world.putRoot("spare", "inactive", GOOD);
    await world.lead();
    const start = () => asked.levers.start({});
    await changesNothing(() =>
      refused(start(), /no MeshRootCertificate is active: create one of the root in force, osm-ca-bundle/),
    );
    world.putRoot(OLD, "active", GOOD);
    world.stopLeading();
    await changesNothing(() => refused(start(), /old is active, but osm-ca-bundle is the mesh's root/));
    world.putRoot(OLD, "active");
    world.putRoot("other", "passive", GOOD);
    await changesNothing(() => refused(start(), /but old is active and other is passive/));
    world.putRoot("other", "active", GOOD);
    await changesNothing(() => refused(start(), /but old is active and other is active/));
    world.putRoot("other", "inactive", GOOD);
    world.putRoot(OLD, "passive");
    await changesNothing(() => refused(start(), /but old is passive/));
  });

  it("names what it cannot take", async () => {
    await withRoles();
    await changesNothing(() =>
      refused(asked.levers.start({ meshRootCertificate: "none" }), /there is no .* osm-system\/none/),
    );
    await changesNothing(() =>
      refused(asked.levers.start({ meshRootCertificate: OLD }), /old is the mesh's root already/),
    );
    await changesNothing(() =>
      refused(asked.levers.start({ name: OLD }), /there is a MeshRootCertificate old already/),
    );
    await asked.levers.start({ provider: GOOD, name: "next" });
    await eventually(async () => assert.ok(((await world.record()) as { until?: string }).until === "steady"));
    await changesNothing(() => refused(asked.levers.start({}), /from old to next is under way \(trusting\)/));
  });

  it("puts roles back, deletes what it made and says why, if the leader cannot follow", async () => {
    await withRoles();
    world.outOfReach.add("good");
    await changesNothing(() =>
      refused(asked.levers.start({ provider: GOOD }), /^cert-manager's Issuer osm-system\/good: there is/),
    );
    world.putRoot("spare", "inactive", GOOD);
    await changesNothing(() =>
      refused(asked.levers.start({ meshRootCertificate: "spare" }), /there is no such Issuer/),
    );
    world.outOfReach.clear();
    await asked.levers.start({ meshRootCertificate: "spare" });
    assert.deepEqual(world.roles(), ["old inactive", "spare active"]);
  });

  it("puts roles back if nobody leads", async () => {
    await withRoles();
    world.stopLeading();
    await changesNothing(() =>
      refused(asked.levers.start({}), /nobody followed the roles within 20 s: .*Lease osm-controller/),
    );
  });

  it("is one, where two replicas are asked at once", async () => {
    await withRoles();
    const other = await world.replica();
    const done = await Promise.allSettled([asked.levers.start({}), other.levers.start({ provider: GOOD })]);
    for (const one of done)
      if (one.status === "rejected") assert.ok(one.reason instanceof RotationRefused, String(one.reason));
    const inUse = world.roots().filter(({ role }) => role !== "inactive");
    await eventually(async () => {
      const record = await world.record();
      const active = inUse.filter(({ role }) => role === "active").map(({ meta }) => meta.name);
      assert.deepEqual(active, [record.phase === "steady" ? record.root.name : record.to.name]);
    });
    assert.equal(inUse.length, 1);
  });

  // The writes of a start: the key, the object (passive), it active, the old one passive, then inactive.
  for (const [writes, left] of [
    [0, "old"],
    [1, "old"],
    [2, "trusting until trusting"],
    [3, "trusting until trusting"],
    [4, "trusting until issuing"],
    [5, "trusting until steady"],
  ] as const) {
    it(`leaves roles that can be followed after a crash behind write ${writes}, and goes back`, async () => {
      await withRoles();
      world.writesLeft = writes;
      await assert.rejects(asked.levers.start({}), /dead/);
      const said = (record: RotationRecord) =>
        record.phase === "steady" ? record.root.name : `${record.phase} until ${record.until}`;
      await eventually(async () => assert.equal(said(await world.record()), left));
      for (const { status } of world.roots())
        assert.ok(status.conditions.every(({ type, status }) => type !== "Accepted" || status === "True"));

      world.writesLeft = Number.POSITIVE_INFINITY;
      const other = await world.replica();
      if (writes < 2) await other.levers.start({});
      await other.levers.rollBack();
      assert.equal(rootOf(await world.record()), OLD);
      assert.deepEqual(
        world.roles().filter((one) => !one.endsWith("inactive")),
        ["old active"],
      );
    });
  }
});

describe("a way back by roles", () => {
  it("from trusting ends at once, and from issuing with a proof", async () => {
    await withRoles();
    await asked.levers.start({ name: "next" });
    await asked.levers.rollBack();
    assert.equal(rootOf(asked.rotator.roots().record), OLD);
    assert.deepEqual(world.roles(), ["next inactive", "old active"]);

    await asked.levers.start({ meshRootCertificate: "next" });
    await world.advance();
    assert.equal(rootOf(await world.record()), "issuing old next");
    await asked.levers.rollBack();
    assert.equal(rootOf(asked.rotator.roots().record), "returning old next");
    assert.deepEqual(world.roles(), ["next inactive", "old active"]);
    await asked.levers.rollBack(); // asked twice
    await world.advance();
    assert.equal(rootOf(await world.record()), OLD);
    await changesNothing(() => refused(asked.levers.rollBack(), /nothing to roll back/));
  });

  it("needs the old object, and no other", async () => {
    await withRoles();
    await asked.levers.start({ name: "next" });
    world.removeRoot(OLD);
    await refused(
      asked.levers.rollBack(),
      /there is no MeshRootCertificate osm-system\/old any more: create it again, passive/,
    );
    world.putRoot(OLD, "passive");
    world.removeRoot("next");
    await asked.levers.rollBack();
    assert.equal(rootOf(asked.rotator.roots().record), OLD);
  });

  it("without an object in use is the record's alone", async () => {
    await withRoles();
    await asked.levers.start({ name: "next" });
    world.stopLeading();
    world.putRoot("next", "inactive", GOOD);
    await asked.levers.rollBack();
    assert.equal(rootOf(await world.record()), OLD);
  });
});

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

    const other = await RootsWorld.start();
    try {
      await other.replica();
      world.putSecret("mine", other.secretData(FIRST_SECRET));
    } finally {
      await other.stop();
    }
    await asked.levers.start({ provider: ownKey("mine") });
    assert.equal(rootOf(await world.record()), "trusting osm-ca-bundle mine");
    await asked.levers.rollBack();
    await asked.levers.start({});
    assert.match(rootOf(await world.record()), /^trusting osm-ca-bundle osm-ca-bundle--[0-9a-f]{8}$/);
    assert.deepEqual(world.roles(), []);
  });

  it("is refused, and changes nothing, where the new root is none", async () => {
    await changesNothing(() => assert.rejects(asked.levers.start({ provider: BAD }), ProviderUnavailable));
    await changesNothing(() => refused(asked.levers.start({ provider: ownKey("gone") }), /there is no Secret/));
    await changesNothing(() =>
      refused(asked.levers.start({ provider: ownKey(FIRST_SECRET) }), /is the mesh's root already/),
    );
    for (const choice of [{ name: "x" }, { meshRootCertificate: "x" }])
      await changesNothing(() =>
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
    await withRoles();
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
    await withRoles();
    world.stopLeading();
    world.putRoot("next", "passive", GOOD);
    await refused(asked.levers.forget("next"), /MeshRootCertificate next is passive: make it inactive first/);
    world.byRoles = false;
    world.putSecret("other", {}, {});
    world.putRoot("next", "active", ownKey("other"));
    await refused(asked.levers.forget("other"), /is the root of MeshRootCertificate next, which is active/);
  });

  it("keeps a Secret that osm did not make, and what is no root", async () => {
    await withRoles();
    const label = { "app.kubernetes.io/name": "openservicemesh.io" };
    world.putSecret("mine", { "ca.crt": "x", "private.key": "y" });
    world.putSecret("token", { token: "x" }, label);
    for (const name of ["mine", "token"])
      await changesNothing(() => refused(asked.levers.forget(name), new RegExp(`${name} was not made by osm`)));
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
