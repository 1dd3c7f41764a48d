/**
 * What tests of a cluster's roots ask again and again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeRoot, toSecretData } from "../../src/ca/providers/builtin.ts";
import { type RotationRecord, RotationRefused } from "../../src/rotation/record.ts";
import type { RootsWorld } from "./roots-world.ts";

/** The MeshRootCertificate of the root that `withRoles` begins with, and its Secret. */
export const OLD = "old";
export const FIRST_SECRET = "osm-ca-bundle";

/** A mesh whose one root has an object, and a replica that leads it. */
export async function withRoles(world: RootsWorld): Promise<void> {
  world.putRoot(OLD, "active");
  await world.lead();
  await eventually(async () => assert.equal(rootOf(await world.record()), OLD));
}

/** Until `check` does not throw: two seconds at most. */
export async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await check();
    } catch (error) {
      if (tries === 200) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function rootOf(record: RotationRecord): string {
  return record.phase === "steady" ? record.root.name : `${record.phase} ${record.from.name} ${record.to.name}`;
}

/** The data of a Secret with a root that no mesh has. */
export async function anotherRoot(): Promise<Readonly<Record<string, string>>> {
  return toSecretData(await makeRoot({ now: Date.now() }));
}

export function refused(work: Promise<unknown>, reason: RegExp): Promise<void> {
  return assert.rejects(work, (error) => {
    assert.ok(error instanceof RotationRefused, String(error));
    assert.match(error.message, reason);
    return true;
  });
}

/** Runs a lever that must not change anything. */
export async function changesNothing(world: RootsWorld, lever: () => Promise<unknown>): Promise<void> {
  const before = [world.roles(), world.secrets(), await world.record()];
  await lever();
  assert.deepEqual([world.roles(), world.secrets(), await world.record()], before);
}
