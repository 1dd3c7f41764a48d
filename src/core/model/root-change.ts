/**
 * Which changes of the mesh's roots are safe, one at a time (platform spec 4.2).
 *
 * In use are at most two: one that signs and one that is trusted beside it, or two that may sign. A rotation is: a new
 * root passive, both active, the old one passive, then inactive. The way back is the same, with the old root as the new.
 *
 * @module
 */
import type { MeshRootCertificate } from "./mesh-root-certificate.ts";

export interface RootChange {
  /** undefined: the root is new. */
  readonly before: MeshRootCertificate | undefined;
  readonly after: MeshRootCertificate;
  /** All others of the mesh. */
  readonly others: readonly MeshRootCertificate[];
}

export interface RootFault {
  readonly path: string;
  readonly message: string;
}

const MOST_IN_USE = 2;
const FIXED = ["provider", "trustDomain", "spiffeEnabled"] as const;

/** Empty: the change may be made. */
export function rootFaults({ before, after, others }: RootChange): readonly RootFault[] {
  const inUse = others.filter(({ role }) => role !== "inactive");
  if (before === undefined) return newFaults(after, inUse);
  const fixed = FIXED.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field])).map(
    (field) => ({
      path: `spec.${field}`,
      message: "may not change, since certificates of it are in use: create another MeshRootCertificate",
    }),
  );
  return before.role === after.role ? fixed : [...fixed, ...roleFaults(before, after, inUse)];
}

function newFaults({ role }: MeshRootCertificate, inUse: readonly MeshRootCertificate[]): readonly RootFault[] {
  if (role === "inactive") return [];
  const same = inUse.find((other) => other.role === role);
  if (same !== undefined) return [ofRole(`must be another than ${role}, which ${same.meta.name} is`)];
  return inUse.length < MOST_IN_USE ? [] : [tooMany(inUse)];
}

function roleFaults(
  before: MeshRootCertificate,
  after: MeshRootCertificate,
  inUse: readonly MeshRootCertificate[],
): readonly RootFault[] {
  if (before.role === "inactive" && after.role === "active")
    return [ofRole("must be passive before it is active: proxies do not trust it yet")];
  if (before.role === "active" && after.role === "inactive")
    return [ofRole("must be passive before it is inactive: certificates of it are in use")];
  const active = [after, ...inUse].some(({ role }) => role === "active");
  if (!active) return [ofRole(`must stay ${before.role}: no other root is active, so none would sign`)];
  return inUse.length < MOST_IN_USE ? [] : [tooMany(inUse)];
}

function tooMany(inUse: readonly MeshRootCertificate[]): RootFault {
  return ofRole(
    `must be inactive: ${inUse.map(({ meta }) => meta.name).join(" and ")} are in use, and two is the most`,
  );
}

function ofRole(message: string): RootFault {
  return { path: "spec.role", message };
}
