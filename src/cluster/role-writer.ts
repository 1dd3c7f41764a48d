/**
 * Writes roles of MeshRootCertificates one by one, waits until the leader acts on them, and takes them back if it cannot.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { RootRole } from "../core/model/mesh-root-certificate.ts";
import { type RotationRecord, RotationRefused } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import type { RoleStep, RootObjects } from "./root-objects.ts";

export interface RoleWriterOptions {
  readonly objects: Pick<RootObjects, "setRole" | "trouble">;
  readonly rotator: Pick<Rotator, "roots" | "refresh">;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
  readonly pause: (time: Millis) => Promise<void>;
}

export interface RolePlan {
  readonly steps: readonly RoleStep[];
  /** Who is active in the end: its status says what is wrong with the roles. */
  readonly active: string;
  readonly follows: (record: RotationRecord) => boolean;
}

/**
 * The leader looks at roles every five seconds (chores.ts), and may have to ask another authority first. One that has
 * died is replaced within twenty.
 */
const FOLLOWED_WITHIN: Millis = 30_000;
const LOOK_EVERY: Millis = 250;
/** From one end to the other only by way of the middle. */
const LADDER: readonly RootRole[] = ["inactive", "passive", "active"];

/** Each role on the way, in order. */
export function roleSteps(name: string, from: RootRole, to: RootRole): readonly RoleStep[] {
  const [first, last] = [LADDER.indexOf(from), LADDER.indexOf(to)];
  const way = LADDER.slice(Math.min(first, last), Math.max(first, last) + 1);
  const roles = first <= last ? way : way.toReversed();
  return roles.slice(1).map((role, i) => ({ name, from: roles[i] ?? role, to: role }));
}

/** Resolves once the record follows. Rejects with `RotationRefused` if it will not: the roles are as before then. */
export async function writeRoles({ steps, active, follows }: RolePlan, options: RoleWriterOptions): Promise<void> {
  const done: RoleStep[] = [];
  /** Of `active`; undefined while it was not written: what its status says may be about other roles. */
  let generation: number | undefined;
  try {
    for (const step of steps) {
      const written = await writeRole(step, done, options);
      if (step.name === active) generation = written;
    }
    await untilFollowed({ active, generation, follows }, options);
  } catch (cause) {
    const left = await putBack(done, options);
    if (left.length === 0 || !(cause instanceof RotationRefused)) throw cause;
    throw new RotationRefused(`${cause.message}; put back by hand what could not be: ${left.join("; ")}`, { cause });
  }
}

async function writeRole(step: RoleStep, done: RoleStep[], { objects }: RoleWriterOptions): Promise<number> {
  try {
    const generation = await objects.setRole(step);
    done.push(step);
    return generation;
  } catch (cause) {
    // Without an answer nobody knows whether it was done.
    if (!(cause instanceof RotationRefused)) done.push(step);
    throw cause;
  }
}

/** @returns what could not be put back. */
async function putBack(done: readonly RoleStep[], { objects }: RoleWriterOptions): Promise<readonly string[]> {
  const left: string[] = [];
  for (const { name, from, to } of done.toReversed()) {
    await objects.setRole({ name, from: to, to: from }).catch((cause: unknown) => {
      left.push(`${name} was ${from} (${cause instanceof Error ? cause.message : String(cause)})`);
    });
  }
  return left;
}

interface Awaited extends Omit<RolePlan, "steps"> {
  readonly generation: number | undefined;
}

async function untilFollowed({ active, generation, follows }: Awaited, options: RoleWriterOptions): Promise<void> {
  const { objects, rotator, now, pause } = options;
  const end = now() + FOLLOWED_WITHIN;
  for (;;) {
    await rotator.refresh();
    if (follows(rotator.roots().record)) return;
    const trouble = generation === undefined ? undefined : await objects.trouble(active, generation);
    if (trouble !== undefined) throw new RotationRefused(trouble);
    if (now() >= end)
      throw new RotationRefused(
        `nobody followed the roles within ${FOLLOWED_WITHIN / 1000} s: does a replica of the control plane lead (Lease osm-controller)?`,
      );
    await pause(LOOK_EVERY);
  }
}
