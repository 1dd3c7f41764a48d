/**
 * Which images are in force where neither the environment nor the MeshConfig names one.
 *
 * @module
 */
export interface DefaultImages {
  readonly osm: string;
  readonly init: string;
  readonly envoy: string;
}

/**
 * `npm run image` makes archives under these very names, and `deploy/osm.yaml` refers to them.
 *
 * @param version - Of the control plane, such as `2.0.0`.
 * @param envoyVersion - The one that everything is tested against, such as `1.40.0`. Envoy's own image of it has no shell.
 */
export function defaultImages(version: string, envoyVersion: string): DefaultImages {
  return {
    osm: `openservicemesh/osm:${version}`,
    init: `openservicemesh/osm-init:${version}`,
    envoy: `envoyproxy/envoy:distroless-v${envoyVersion}`,
  };
}
