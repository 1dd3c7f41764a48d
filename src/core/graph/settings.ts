/**
 * What the whole mesh has in common and no object says.
 *
 * @module
 */
export interface MeshSettings {
  /** The value of the namespace label `openservicemesh.io/monitored-by`. */
  readonly meshName: string;
  /** Where the MeshConfig lives. */
  readonly meshNamespace: string;
  readonly trustDomain: string;
}

export const MESH_CONFIG_NAME = "osm-mesh-config";
