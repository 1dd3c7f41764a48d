import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { advance, RotationRefused } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import { fileRoots, openRotation } from "./rotation-files.ts";
import type { RootWays } from "./rotation-levers.ts";

describe("the roots of a mesh on one machine", () => {
  let folder: string;
  let rotator: Rotator;
  let roots: RootWays;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "osm-roots-"));
    rotator = await openRotation(folder, "cluster.local");
    roots = fileRoots(folder, rotator);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const finish = async () => {
    while (rotator.roots().record.phase !== "steady") await rotator.change((record) => advance(record, 1));
    return rotator.roots().plan.signing.name;
  };
  const refused = (work: Promise<unknown>, reason: RegExp) =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof RotationRefused, String(error));
      assert.match(error.message, reason);
      return true;
    });

  it("move to another of their own, in another trust domain", async () => {
    await roots.start({ trustDomain: "mesh.example" });
    assert.match(await finish(), /^osm-ca-bundle--[0-9a-f]{8}$/);
    assert.equal(rotator.roots().plan.signing.trustDomain, "mesh.example");
  });

  it("are of no other provider, and have no MeshRootCertificates", async () => {
    const provider = { kind: "certManager", issuerName: "a", issuerKind: "Issuer", issuerGroup: "b" } as const;
    await refused(roots.start({ provider }), /signs with roots of its own/);
    await refused(roots.start({ name: "next" }), /keeps its roots in files/);
    await refused(roots.start({ meshRootCertificate: "next" }), /keeps its roots in files/);
    assert.equal(rotator.roots().record.step, 0);
    assert.ok(!existsSync(join(folder, "roots")));
  });

  it("are forgotten once they are not in use, each with its key, and the mesh opens again", async () => {
    const left = () => readdirSync(folder, { recursive: true }).map(String).sort();
    await roots.start({});
    await refused(
      roots.forget("osm-ca-bundle"),
      /is in use: a rotation from osm-ca-bundle to .* is under way \(trusting\)/,
    );
    const second = await finish();
    assert.equal((await roots.forget("osm-ca-bundle")).length, 3);
    const kept = [`roots/${second}/ca.crt`, `roots/${second}/expiration`, `roots/${second}/private.key`];
    assert.deepEqual(left(), ["roots", `roots/${second}`, ...kept, "rotation.json"]);
    await refused(roots.forget("osm-ca-bundle"), /there is no root osm-ca-bundle in/);
    await refused(roots.forget(second), /is the mesh's root: rotate to another one first/);

    rotator = await openRotation(folder, "cluster.local");
    roots = fileRoots(folder, rotator);
    assert.equal(rotator.roots().plan.signing.name, second);
    await roots.start({});
    const third = await finish();
    await roots.forget(second);
    assert.deepEqual(readdirSync(join(folder, "roots")), [third]);
  });

  it("are named by themselves alone: no name leads to another folder", async () => {
    await roots.start({});
    await finish();
    const outside = join(folder, "roots", "..", "..", `outside-${process.pid}`);
    mkdirSync(outside);
    try {
      for (const file of ["ca.crt", "private.key"]) writeFileSync(join(outside, file), "mine");
      for (const name of [`../../outside-${process.pid}`, "..", ".", "", "osm-ca-bundle--x/../.."])
        await refused(roots.forget(name), /there is no root/);
      assert.deepEqual(readdirSync(outside).sort(), ["ca.crt", "private.key"]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });
});
