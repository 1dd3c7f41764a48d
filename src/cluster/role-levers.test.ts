import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  anotherRoot,
  changesNothing,
  eventually,
  FIRST_SECRET,
  OLD,
  refused,
  rootOf,
  withRoles,
} from "../../test/support/root-checks.ts";
import { BAD, GOOD, NAMESPACE, ownKey, type Replica, RootsWorld } from "../../test/support/roots-world.ts";
import { RootRefused } from "../ca/refusal.ts";
import { type RotationRecord, RotationRefused } from "../rotation/record.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";

const MADE = /^osm-mesh-root-certificate-[0-9a-f]{8}$/;

let world: RootsWorld;
let asked: Replica;
beforeEach(async () => {
  world = await RootsWorld.start();
  asked = await world.replica();
});
afterEach(() => world.stop());

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
    await withRoles(world);
    await asked.levers.start({ provider: GOOD, name: "next" });
    assert.equal(rootOf(asked.rotator.roots().record), "trusting old next");
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
    assert.deepEqual(world.root("next")?.provider, GOOD);
    assert.equal(world.root("next")?.trustDomain, "cluster.local");
    assert.deepEqual(world.secrets(), [FIRST_SECRET]);
  });

  it("takes an object that is there and inactive", async () => {
    await withRoles(world);
    world.putRoot("spare", "inactive", GOOD, { trustDomain: "mesh.example" });
    await asked.levers.start({ meshRootCertificate: "spare" });
    const { record } = asked.rotator.roots();
    assert.ok(record.phase === "trusting" && record.to.trustDomain === "mesh.example");
    assert.deepEqual(world.roles(), ["old inactive", "spare active"]);
  });

  it("waits for a webhook that has not heard of the step before", async () => {
    await withRoles(world);
    world.believed = world.roots();
    const start = asked.levers.start({ provider: GOOD, name: "next" });
    await start;
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
  });

  it("is refused, and changes nothing, where the new root cannot sign", async () => {
    await withRoles(world);
    const said = {
      name: "ProviderUnavailable",
      message: /cert-manager's Issuer osm-system\/bad: there is no such Issuer; make it/,
    };
    await changesNothing(world, () => assert.rejects(asked.levers.start({ provider: BAD }), said));
    world.putRoot("spare", "inactive", BAD);
    await changesNothing(world, () => assert.rejects(asked.levers.start({ meshRootCertificate: "spare" }), said));
  });

  it("is refused, and changes nothing, where a Secret is not there, is no root, or is the old one again", async () => {
    await withRoles(world);
    const start = (name: string, namespace = NAMESPACE) => asked.levers.start({ provider: ownKey(name, namespace) });
    await changesNothing(world, () =>
      refused(start("mine"), /there is no Secret osm-system\/mine: make it with kubectl/),
    );
    await changesNothing(world, () =>
      refused(start("mine", "shop"), /Secret shop\/mine is not in the mesh's namespace/),
    );
    world.putSecret("mine", { "ca.crt": "x" });
    await changesNothing(world, () => assert.rejects(start("mine"), RootRefused));
    world.copySecret(FIRST_SECRET, "copy");
    await changesNothing(world, () => refused(start("copy"), /has the certificate of old: give it a key/));
    world.putRoot("lost", "inactive", ownKey("gone"));
    await changesNothing(world, () =>
      refused(asked.levers.start({ meshRootCertificate: "lost" }), /there is no Secret .*gone/),
    );
  });

  it("tries a Secret anew that was refused before", async () => {
    await withRoles(world);
    world.copySecret(FIRST_SECRET, "mine");
    await refused(asked.levers.start({ provider: ownKey("mine") }), /has the certificate of old/);
    world.putSecret("mine", await anotherRoot());
    await asked.levers.start({ provider: ownKey("mine"), name: "next" });
    assert.deepEqual(world.roles(), ["next active", "old inactive"]);
  });

  it("begins from one active object and no other, which is the mesh's root", async () => {
    world.putRoot("spare", "inactive", GOOD);
    await world.lead();
    const start = () => asked.levers.start({});
    await changesNothing(world, () =>
      refused(start(), /no MeshRootCertificate is active: create one of the root in force, osm-ca-bundle/),
    );
    world.stopLeading();
    world.putRoot(OLD, "active", GOOD);
    await changesNothing(world, () => refused(start(), /old is active, but osm-ca-bundle is the mesh's root/));
    world.putRoot(OLD, "active");
    world.putRoot("other", "passive", GOOD);
    await changesNothing(world, () => refused(start(), /but old is active and other is passive/));
    world.putRoot("other", "active", GOOD);
    await changesNothing(world, () => refused(start(), /but old is active and other is active/));
    world.putRoot("other", "inactive", GOOD);
    world.putRoot(OLD, "passive");
    await changesNothing(world, () => refused(start(), /but old is passive/));
  });

  it("names what it cannot take", async () => {
    await withRoles(world);
    await changesNothing(world, () =>
      refused(asked.levers.start({ meshRootCertificate: "none" }), /there is no .* osm-system\/none/),
    );
    await changesNothing(world, () =>
      refused(asked.levers.start({ meshRootCertificate: OLD }), /old is the mesh's root already/),
    );
    await changesNothing(world, () =>
      refused(asked.levers.start({ name: OLD }), /there is a MeshRootCertificate old already/),
    );
    await asked.levers.start({ provider: GOOD, name: "next" });
    await eventually(async () => assert.ok(((await world.record()) as { until?: string }).until === "steady"));
    await changesNothing(world, () => refused(asked.levers.start({}), /from old to next is under way \(trusting\)/));
  });

  it("puts roles back, deletes what it made and says why, if the leader cannot follow", async () => {
    await withRoles(world);
    world.outOfReach.add("good");
    await changesNothing(world, () =>
      refused(asked.levers.start({ provider: GOOD }), /^cert-manager's Issuer osm-system\/good: there is/),
    );
    world.putRoot("spare", "inactive", GOOD);
    await changesNothing(world, () =>
      refused(asked.levers.start({ meshRootCertificate: "spare" }), /there is no such Issuer/),
    );
    world.outOfReach.clear();
    await asked.levers.start({ meshRootCertificate: "spare" });
    assert.deepEqual(world.roles(), ["old inactive", "spare active"]);
  });

  it("takes no reason for one that was said of roles before", async () => {
    await withRoles(world);
    world.putRoot("spare", "inactive", GOOD);
    world.stopLeading();
    world.sayTrouble("spare", 1, "an old reason");
    const started = asked.levers.start({ meshRootCertificate: "spare" });
    await eventually(async () => assert.deepEqual(world.roles(), ["old inactive", "spare active"]));
    await world.lead();
    await started;
    assert.equal(rootOf(await world.record()), "trusting old spare");
  });

  it("takes the reason that is said of its own roles", async () => {
    await withRoles(world);
    world.putRoot("spare", "inactive", GOOD);
    world.stopLeading();
    const started = refused(asked.levers.start({ meshRootCertificate: "spare" }), /^a reason of now$/);
    await eventually(async () => assert.deepEqual(world.roles(), ["old inactive", "spare active"]));
    // Created inactive, passive, active.
    world.sayTrouble("spare", 3, "a reason of now");
    await started;
    assert.deepEqual(world.roles(), ["old active", "spare inactive"]);
  });

  it("puts back also the role whose answer was lost", async () => {
    await withRoles(world);
    world.afterWrite = ({ path, method }) => {
      if (method !== "PATCH" || !path.endsWith("/old")) return;
      world.afterWrite = () => {};
      throw new KubernetesError({ method, path, status: 0, reason: "", detail: "lost" });
    };
    await assert.rejects(asked.levers.start({}), /lost/);
    assert.deepEqual([world.roles(), world.secrets()], [["old active"], [FIRST_SECRET]]);
    // The leader may have begun to trust the new root meanwhile.
    await eventually(async () => assert.equal(rootOf(await world.record()), OLD));
  });

  it("takes its key back where somebody else took the name", async () => {
    await withRoles(world);
    world.beforeWrite = ({ path, method }) => {
      if (method === "POST" && path.endsWith("/meshrootcertificates")) world.putRoot("next", "inactive", GOOD);
    };
    await refused(asked.levers.start({ name: "next" }), /there is a MeshRootCertificate next already/);
    assert.deepEqual(world.roles(), ["next inactive", "old active"]);
    assert.deepEqual(world.secrets(), [FIRST_SECRET]);
  });

  it("puts roles back if nobody leads", async () => {
    await withRoles(world);
    world.stopLeading();
    await changesNothing(world, () =>
      refused(asked.levers.start({}), /nobody followed the roles within 30 s: .*Lease osm-controller/),
    );
  });

  it("is one, where two replicas are asked at once", async () => {
    await withRoles(world);
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
      await withRoles(world);
      world.writesLeft = writes;
      await assert.rejects(asked.levers.start({}), /dead/);
      const said = (record: RotationRecord) =>
        record.phase === "steady" ? record.root.name : `${record.phase} until ${record.until}`;
      await eventually(async () => assert.equal(said(await world.record()), left));
      for (const { status } of world.roots())
        assert.ok(status.conditions.every(({ type, status }) => type !== "Accepted" || status === "True"));

      world.writesLeft = Number.POSITIVE_INFINITY;
      const other = await world.replica();
      // A key without an object is nobody's root.
      const [, stray] = world.secrets();
      if (writes === 1) assert.deepEqual(await other.levers.forget(stray ?? ""), [`Secret ${NAMESPACE}/${stray}`]);
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
    await withRoles(world);
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
    await changesNothing(world, () => refused(asked.levers.rollBack(), /nothing to roll back/));
  });

  it("needs the old object, and no other", async () => {
    await withRoles(world);
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
    await withRoles(world);
    await asked.levers.start({ name: "next" });
    world.stopLeading();
    world.putRoot("next", "inactive", GOOD);
    await asked.levers.rollBack();
    assert.equal(rootOf(await world.record()), OLD);
  });
});
