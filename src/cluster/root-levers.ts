/**
 * What the levers of a rotation do to a cluster's roots, with MeshRootCertificates and without.
 *
 * Any replica may be asked: what is in force is read before, and written where all replicas see it.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { type RootSource, RotationRefused } from "../rotation/record.ts";
import type { Rotator } from "../rotation/rotator.ts";
import { forgetRoot } from "./forget-root.ts";
import { rollBackByRoles, startByRoles } from "./role-levers.ts";
import { checkSecret, type RootChoice, randomHex } from "./root-choice.ts";
import { type RootPlace, rootObjects } from "./root-objects.ts";
import { sourceFrom } from "./root-providers.ts";

export interface RootLeversOptions extends RootPlace {
  readonly rotator: Pick<Rotator, "roots" | "refresh" | "complete" | "release" | "start" | "rollBack">;
  /** Whether MeshRootCertificates decide. */
  readonly byRoles: () => boolean;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
  readonly pause: (time: Millis) => Promise<void>;
}

/** Each resolves once the record has moved, and rejects if it will not: nothing is changed then. */
export interface RootLevers {
  start(choice: RootChoice): Promise<unknown>;
  rollBack(): Promise<unknown>;
  /** @returns what was deleted. */
  forget(root: string): Promise<readonly string[]>;
}

export function rootLevers(options: RootLeversOptions): RootLevers {
  const { rotator, byRoles } = options;
  const objects = rootObjects(options);
  return {
    start: (choice) => (byRoles() ? startByRoles(choice, { ...options, objects }) : startAlone(choice, options)),
    rollBack: () => (byRoles() ? rollBackByRoles({ ...options, objects }) : rotator.rollBack()),
    forget: (root) => forgetRoot(root, { ...options, objects, byRoles: byRoles() }),
  };
}

async function startAlone(choice: RootChoice, options: RootLeversOptions): Promise<void> {
  const { meshRootCertificate, name, provider, trustDomain } = choice;
  const { rotator } = options;
  const object = meshRootCertificate ?? name;
  if (object !== undefined)
    throw new RotationRefused(
      `${object} would be a MeshRootCertificate, and those have no effect: featureFlags.enableMeshRootCertificate of the MeshConfig is off`,
    );
  if (provider === undefined) {
    await rotator.start(trustDomain === undefined ? {} : { trustDomain });
    return;
  }
  await checkSecret(provider, options);
  await rotator.refresh();
  const source = sourceFrom(provider);
  const signing = rotator.roots().plan.signing;
  const to = { name: nameOf(source), source, trustDomain: trustDomain ?? signing.trustDomain, certificates: [] };
  await rotator.start({ to });
}

/** Of a root without an object: that of its Secret, or one that no root ever had. */
function nameOf(source: RootSource): string {
  return source.kind === "builtin" ? source.store : `${source.kind}--${randomHex()}`;
}
