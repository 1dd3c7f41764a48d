/**
 * The acceptance rows of the specification: of the demos and guides of OSM (data plane, section 11), and of its e2e
 * suite (platform, 11.2; named as the file there).
 *
 * A test says in its title which rows it shows: `E4, E5: …` at its beginning, or `… [e2e_egress_policy]` at its end.
 *
 * @module
 */

export interface Row {
  readonly id: string;
  readonly what: string;
  /** Why no test shows it. A row has a reason or a test. */
  readonly notShown?: string;
}

type Table = Readonly<Record<string, string | { readonly what: string; readonly notShown: string }>>;

const GUIDES: Table = {
  P1: "permissive mode: a call succeeds, by Envoy",
  P2: "no permissive mode, no policy: the connection is refused",
  T1: "TCP echo in permissive mode",
  T2: "TCP without policy is closed",
  T3: "TCP with TCPRoute and TrafficTarget",
  PR1: "one account with an HTTP and a TCP service, one target for both",
  B1: "bookstore: permissive mode serves all",
  B2: "bookstore: SMI mode without policy serves nobody",
  B3: "bookstore: targets serve the buyer and the store, not the thief",
  B4: "bookstore: the thief is added to the sources",
  B5: "bookstore: and removed",
  B6: "bookstore: a second version behind the root's selector",
  B7: "bookstore: a split with all weight on one version",
  B8: "bookstore: halves",
  B9: "bookstore: all weight on the second version",
  C1: "canary: all requests to the version with weight 100",
  C2: "canary: halves",
  C3: "canary: every spelling of the root",
  E1: "egress for the whole mesh: HTTPS passes untouched",
  E2: "egress off: the connection is refused",
  E3: "egress off: clear HTTP too",
  E4: "Egress of HTTP to a host",
  E5: "and refused again once it is deleted",
  E6: "Egress of HTTPS by name",
  E7: "and refused again once it is deleted",
  E8: "Egress of TCP by port",
  E9: "and refused again once it is deleted",
  E10: "Egress with an HTTPRouteGroup: other paths get 404",
  E11: "a match that is added to the group",
  E12: "ranges excluded from interception",
  CB1: "no limits: all requests pass",
  CB2: "limits of a mesh service: overflow is 503, and counted",
  CB3: "Egress without limits",
  CB4: "limits of an Egress by reference",
  RL1: "TCP without limits",
  RL2: "connections a minute",
  RL3: "with burst",
  RL4: "requests a minute: 429 above",
  RL5: "with burst",
  RL6: "requests a minute of a route",
  RL7: "connections asked from a rate limit service",
  RL8: "requests: generic key",
  RL9: "requests: remote address",
  RL10: "requests: request header",
  RL11: "requests: header value match",
  I1: "a gateway outside the mesh calls in by HTTP",
  I2: "and is refused without an IngressBackend",
  I3: "mutual TLS with the gateway's certificate",
  I4: "another principal gets 403",
  I5: "and passes where the client's certificate is not checked",
  R1: "retries of 5xx, counted",
  R2: "no retry of what is not named",
  R3: "no retry without the feature flag",
  S1: "a quorum of three in a StatefulSet",
  S2: {
    what: "Kafka in a StatefulSet",
    notShown: "the traffic is that of S1 (TCP to names of single pods and to the Service); no second broker was set up",
  },
  X1: "certificates by cert-manager",
  X2: "the root is rotated, calls go on",
  A1: "an external authoriser denies",
  A2: "an external authoriser allows",
  A3: "an external authoriser that cannot be reached, both modes of failure",
  H1: "a probe through the proxy is answered by the application",
  L1: "access logs: default, text, JSON, OpenTelemetry",
  M1: "Envoy's statistics, scraped",
  M2: "golden signals of pairs of workloads",
  Z1: "spans with the workload as service name",
  D1: "a match with a name alone is any path and any method",
  K1: "the Kubernetes API from a meshed pod",
  J1: "a Job completes",
};

const E2E: Table = {
  e2e_certmanager: "client to server with cert-manager",
  e2e_client_server_connectivity: "pod to pod, with and without a client Service, headless, PodIP",
  e2e_controller_restart: "traffic over a restart of the controller",
  e2e_debug_server: {
    what: "debug server on and off",
    notShown: "replaced by the authorised API on 9092 (platform spec, section 8): nothing is served without a token",
  },
  e2e_deployment_client_server: "clients of several Deployments to all pods of a server",
  e2e_deployment_client_headless_server: "the same with a headless Service",
  e2e_egress_policy: "Egress of HTTP, of routes, of HTTPS, of TCP",
  e2e_egress: "egress of the whole mesh, on and off",
  e2e_envoy_max_mtls_version: "bounds of TLS versions",
  e2e_fluentbit_deployment: { what: "Fluent Bit sidecar", notShown: "not built: logs are JSON on standard output" },
  e2e_fluentbit_output: { what: "Fluent Bit output", notShown: "not built: logs are JSON on standard output" },
  e2e_garbage_collector: "bootstrap Secrets go with their pods",
  e2e_global_ratelimit: "global rate limits of all descriptors",
  e2e_grpc_insecure_origination: "gRPC in clear text by HTTP routes",
  e2e_grpc_secure_origination: "gRPC with the application's own TLS",
  e2e_hashivault: "client to server with Vault",
  e2e_health_probe: "probes of all kinds in one pod",
  e2e_helm_install: {
    what: "Helm install",
    notShown: "there is no chart: `kubectl apply -f deploy/osm.yaml` installs",
  },
  e2e_ignore_namespace: "an ignored namespace",
  e2e_ingressbackend: "ingress by HTTP and by mutual TLS",
  e2e_init_controller: {
    what: "MeshConfig from install options",
    notShown: "there are no install options: the preset MeshConfig is made at start (test/cluster/deploy.test.ts)",
  },
  e2e_ip_exclusion: "ranges excluded for the mesh",
  e2e_local_ratelimit: "local rate limits of virtual host and route",
  e2e_meshrootcertificate: "rotation of every provider, and between them",
  e2e_metrics: "golden signals with their labels",
  e2e_multiple_ports_per_service: "an HTTP and a TCP port",
  e2e_multiple_services_per_pod: "two Services of one pod",
  e2e_osm_reinstall: "installed again over objects that are there",
  e2e_permissive_smi_switching: "permissive mode to SMI with policies",
  e2e_permissive: "permissive mode, and a client outside",
  e2e_port_exclusion: "ports excluded for the mesh and by annotation",
  e2e_proxy_resource_limits: "resources of the sidecar",
  e2e_reconciler: {
    what: "CRDs and webhooks are put back when they are edited",
    notShown: "only `caBundle` is kept right; the rest belongs to who applied osm.yaml",
  },
  e2e_retry_policy: "retries on and off",
  e2e_smi_traffic_target: "paths of a TrafficTarget; one in a wrong namespace",
  e2e_spiffe: "SPIFFE IDs in certificates",
  e2e_statefulsets: "a quorum in a StatefulSet",
  e2e_tcp_client_server: "TCP by SMI and permissive",
  e2e_tcp_egress: "TCP egress of the whole mesh",
  e2e_tcp_server_first: "a server that speaks first",
  e2e_trafficsplit: "splits: HTTP, TCP, permissive",
  e2e_trafficsplit_same_sa: "backends of one account",
  e2e_trafficsplit_recursive_split: "a root among its own backends",
  e2e_upgrade: "over an installation of OSM 1.2",
  e2e_validate_smi_traffic_target: "the webhook's say on TrafficTargets",
};

export const ROWS: { readonly guides: readonly Row[]; readonly e2e: readonly Row[] } = {
  guides: rowsOf(GUIDES),
  e2e: rowsOf(E2E),
};

function rowsOf(table: Table): readonly Row[] {
  return Object.entries(table).map(([id, row]) => (typeof row === "string" ? { id, what: row } : { id, ...row }));
}
