/**
 * The MeshConfig that a new mesh starts with, as OSM's bootstrap made it. It cannot stand in the manifest: the API
 * server refuses an object whose CRD is in the same file.
 *
 * @module
 */
import { MESH_CONFIG_NAME } from "../core/graph/settings.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

/** What OSM's chart wrote by default (platform spec 1.1). What is left out has the CRD's default. */
const PRESET_SPEC = {
  sidecar: {
    logLevel: "error",
    tlsMinProtocolVersion: "TLSv1_2",
    tlsMaxProtocolVersion: "TLSv1_3",
    localProxyMode: "Localhost",
  },
  traffic: { enableEgress: true, enablePermissiveTrafficPolicyMode: true },
  observability: { osmLogLevel: "info", enableDebugServer: false, tracing: { enable: false } },
  certificate: { serviceCertValidityDuration: "24h", certKeyBitSize: 2048 },
  featureFlags: { enableEgressPolicy: true, enableIngressBackendPolicy: true },
} as const;

/** Makes the MeshConfig if there is none. Rejects if the API server says no: not yet, while the CRD is new. */
export async function presetMeshConfig(client: Pick<KubernetesClient, "request">, namespace: string): Promise<void> {
  const collection = `/apis/config.openservicemesh.io/v1alpha2/namespaces/${namespace}/meshconfigs`;
  const body = {
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "MeshConfig",
    metadata: { name: MESH_CONFIG_NAME, namespace, labels: { "app.kubernetes.io/name": "openservicemesh.io" } },
    spec: PRESET_SPEC,
  };
  try {
    await client.request({ path: `${collection}/${MESH_CONFIG_NAME}` });
  } catch (cause) {
    if (!hasStatus(cause, 404)) throw cause;
    await client.request({ method: "POST", path: collection, body }).catch(ignoreConflict);
  }
}

/** Another replica, or a user, was first. */
function ignoreConflict(cause: unknown): void {
  if (!hasStatus(cause, 409)) throw cause;
}
