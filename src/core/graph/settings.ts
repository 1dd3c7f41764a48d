/**
 * What the whole mesh has in common and no object says.
 *
 * @module
 */
import { principalOf, type ServiceAccountName } from "../base/identity.ts";
import type { NonEmpty } from "../base/non-empty.ts";

export interface MeshSettings {
  /** The value of the namespace label `openservicemesh.io/monitored-by`. */
  readonly meshName: string;
  /** Where the MeshConfig lives. */
  readonly meshNamespace: string;
  /** Of the names that are issued. */
  readonly trustDomain: string;
  /** Names of these are accepted too, while the mesh moves from one trust domain to another. */
  readonly otherTrustDomains?: readonly string[];
}

/** The names that stand for an account: the issued one first. */
export function principalsOf(
  account: ServiceAccountName,
  { trustDomain, otherTrustDomains = [] }: MeshSettings,
): NonEmpty<string> {
  return [principalOf(account, trustDomain), ...otherTrustDomains.map((other) => principalOf(account, other))];
}

export const MESH_CONFIG_NAME = "osm-mesh-config";
