/**
 * Names that the manifests, the images and the control plane must agree on. Each is written here alone.
 *
 * @module
 */
import manifest from "../../package.json" with { type: "json" };
import { type DefaultImages, defaultImages } from "../../src/core/inject/images.ts";
import { ENVOY_VERSION } from "../../src/local/tools/envoy.ts";

export const VERSION: string = manifest.version;

/** Namespace of the control plane, as in OSM. */
export const MESH_NAMESPACE = "osm-system";
/** Also the name of the service account and of its roles, as a release of OSM's chart had it. */
export const MESH_NAME = "osm";
/** Of the Deployment, of its container, of the Service that proxies dial, and of the Lease. */
export const CONTROLLER = "osm-controller";
export const MUTATING_CONFIGURATION = `osm-webhook-${MESH_NAME}`;
export const VALIDATING_CONFIGURATION = `osm-validator-mesh-${MESH_NAME}`;
export const CA_SECRET = "osm-ca-bundle";

export const IMAGES: DefaultImages = defaultImages(VERSION, ENVOY_VERSION);

/** User of the control plane's image; nothing on a node belongs to it. */
export const CONTROLLER_UID = 65_532;
/** On all objects of the mesh, as OSM's chart set them. */
export const LABELS = {
  "app.kubernetes.io/name": "openservicemesh.io",
  "app.kubernetes.io/instance": MESH_NAME,
  "app.kubernetes.io/version": VERSION,
} as const;

/** Custom resource definitions belong to all meshes of a cluster, and so carry no instance and no version. */
export const SHARED_LABELS = { "app.kubernetes.io/name": "openservicemesh.io" } as const;
