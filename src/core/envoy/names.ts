/**
 * Names and numbers that dashboards, statistics and the wire know. OSM's, unless said (dataplane spec 0, 3.2, 5.1, 6).
 *
 * @module
 */

export const OUTBOUND_PORT = 15001;
export const INBOUND_PORT = 15003;
export const METRICS_PORT = 15010;
export const ADMIN_PORT = 15000;

/** What a caller in the mesh offers as ALPN, so that it can be told from an ingress gateway. */
export const MESH_ALPN = "osm";

export const OUTBOUND_LISTENER = "outbound-listener";
export const INBOUND_LISTENER = "inbound-listener";
export const METRICS_LISTENER = "inbound-prometheus-listener";
export const PASSTHROUGH_CHAIN = "outbound-egress-filter-chain";

export const PASSTHROUGH_CLUSTER = "passthrough-outbound";
export const METRICS_CLUSTER = "envoy-metrics-cluster";
/** Ours: a cluster that never has an endpoint, for TCP connections that nothing may answer. */
export const BLACKHOLE_CLUSTER = "blackhole";

/** Ours: by role and not by service account, so that clusters are equal across proxies (design 6). */
export const SERVICE_CERTIFICATE = "service-cert";
export const INBOUND_ROOT = "root-cert-for-mtls-inbound";

/** The filter's name is also the key of its per-route settings. */
export const HTTP_RBAC = "envoy.filters.http.rbac";
export const HTTP_LOCAL_RATE_LIMIT = "envoy.filters.http.local_ratelimit";
export const HTTP_RATE_LIMIT = "envoy.filters.http.ratelimit";

/** How a caller's proxy asks another proxy whether it is there (dataplane spec 3.6). */
export const HEALTH_CHECK_PATH = "/healthz/osm";
export const HEALTH_CHECK_HEADER = "x-osm-envoy-healthcheck";
