/**
 * Images that injected pods run where the MeshConfig names none (platform spec 2.4).
 *
 * @module
 */
export interface Images {
  readonly envoy: string;
  readonly envoyWindows: string;
  readonly init: string;
}

export function imagesFrom(env: Readonly<Record<string, string | undefined>>): Images {
  return {
    envoy: env["OSM_DEFAULT_ENVOY_IMAGE"] ?? "",
    envoyWindows: env["OSM_DEFAULT_ENVOY_WINDOWS_IMAGE"] ?? "",
    init: env["OSM_DEFAULT_INIT_CONTAINER_IMAGE"] ?? "",
  };
}
