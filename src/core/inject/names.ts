/**
 * Names and numbers of what is put into a pod. OSM's, unless said (platform spec 3.3 to 3.6, dataplane spec 7.1).
 *
 * @module
 */

export const ENVOY_CONTAINER = "envoy";
export const INIT_CONTAINER = "osm-init";
export const BOOTSTRAP_VOLUME = "envoy-bootstrap-config-volume";
export const BOOTSTRAP_DIRECTORY = "/etc/envoy";
/** The user that Envoy runs as. What else runs as this user goes past the proxy. */
export const ENVOY_UID = 1500;

export const XDS_PORT = 15128;
export const ADMIN_PORT = 15000;
export const INBOUND_PORT = 15003;
export const METRICS_PORT = 15010;
/** Bound by the sidecar in every pod. */
export const RESERVED_PORTS: readonly number[] = [
  ADMIN_PORT,
  15001,
  INBOUND_PORT,
  METRICS_PORT,
  15901,
  15902,
  15903,
  15904,
];

/** In one pod. Beyond it, what its proxy starts from would not fit into a Secret. */
export const MOST_PROBES = 300;

export const ANNOTATIONS = {
  outboundPorts: "openservicemesh.io/outbound-port-exclusion-list",
  inboundPorts: "openservicemesh.io/inbound-port-exclusion-list",
  outboundExclusions: "openservicemesh.io/outbound-ip-range-exclusion-list",
  outboundInclusions: "openservicemesh.io/outbound-ip-range-inclusion-list",
  /** Ours: on a pod or its namespace, to have the sidecar as an ordinary container where native ones are possible. */
  nativeSidecar: "openservicemesh.io/native-sidecar",
  /** Ours: written at injection, so that a copy of the pod can be given a proxy that answers the same probes. */
  probes: "openservicemesh.io/sidecar-probes",
} as const;

/** Of the Secret that a proxy starts from. */
export function bootstrapSecretName(uuid: string): string {
  return `envoy-bootstrap-config-${uuid}`;
}
