/**
 * MeshConfig's schema in both served versions; what it says must agree with `src/core/model/mesh-config-schema.ts`.
 *
 * @module
 */
import type { Resource } from "./crd.ts";
import {
  choice,
  DURATION,
  type Fields,
  FLAG,
  filled,
  flag,
  list,
  object,
  PORT,
  RANGES,
  type Schema,
  says,
  text,
  whole,
} from "./schema.ts";

const TLS_VERSION = choice(["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]);
const TEXTS = list(text());
const PORTS = list(PORT);
// A quantity may be written as a text or as a number, fractions included.
const QUANTITIES: Schema = { type: "object", additionalProperties: { "x-kubernetes-preserve-unknown-fields": true } };

const SIDECAR: Fields = {
  enablePrivilegedInitContainer: flag("Runs the init container as privileged rather than with NET_ADMIN alone."),
  logLevel: choice(
    ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"],
    "Envoy's log level in new pods.",
  ),
  envoyImage: text("Image of the proxy in new pods. Empty: the control plane's own choice."),
  envoyWindowsImage: text("Image of the proxy in new Windows pods."),
  initContainerImage: text(
    "Image that leads a new pod's traffic through its proxy. Empty: the control plane's own choice.",
  ),
  maxDataPlaneConnections: says("Most proxies that one replica serves. 0: any number.", whole()),
  configResyncInterval: text("Computes everything anew this often, such as 30s, and sends what differs. 0s: never."),
  resources: says("Resources of the proxy in new pods.", object({ limits: QUANTITIES, requests: QUANTITIES })),
};

const SIDECAR_TLS: Fields = {
  tlsMinProtocolVersion: filled(TLS_VERSION, "TLSv1_2"),
  tlsMaxProtocolVersion: filled(TLS_VERSION, "TLSv1_3"),
  cipherSuites: says("Suites for TLS 1.2 and older. Empty: Envoy's own.", TEXTS),
  ecdhCurves: says("Curves for the key exchange. Empty: Envoy's own.", TEXTS),
  localProxyMode: filled(
    choice(["Localhost", "PodIP"], "Where the proxy reaches the application: 127.0.0.1 or the pod's address."),
    "Localhost",
  ),
};

const EXTERNAL_AUTHORIZATION = object({
  enable: FLAG,
  address: text("Host of the gRPC authorization server."),
  port: PORT,
  statPrefix: filled(text(), "inboundExtAuthz"),
  timeout: filled(DURATION, "1s"),
  failureModeAllow: flag("Lets requests through while the server does not answer."),
});

const TRAFFIC: Fields = {
  enableEgress: flag("Lets pods reach anything outside the mesh."),
  outboundIPRangeExclusionList: says("IPv4 ranges that new pods reach past their proxy.", RANGES),
  outboundPortExclusionList: says("Ports that new pods reach past their proxy.", PORTS),
  inboundPortExclusionList: says("Ports on which new pods are reached past their proxy.", PORTS),
  enablePermissiveTrafficPolicyMode: flag("Everybody in the mesh may call everybody; TrafficTargets are not asked."),
  inboundExternalAuthorization: says("Asks a server about each request that comes in.", EXTERNAL_AUTHORIZATION),
};

const TRAFFIC_LATER: Fields = {
  outboundIPRangeInclusionList: says("If any, only these IPv4 ranges are led through the proxies of new pods.", RANGES),
  networkInterfaceExclusionList: says("Network interfaces of new pods that are left alone.", TEXTS),
  requestTimeout: text(
    "How long a request may take, such as 30s, unless its Service is annotated with openservicemesh.io/request-timeout. Absent: any time.",
  ),
  idleTimeout: text(
    "How long a request may go on without a byte, such as 1h, unless its Service is annotated with openservicemesh.io/idle-timeout. 0s: any time. Absent: 5m.",
  ),
  outlierDetection: says(
    "Leaves endpoints alone for a while that answer badly. Absent: never.",
    object({
      consecutiveErrors: says(
        "Errors in a row: connections that fail, and answers from 500. Default: 5.",
        whole(1, 1000),
      ),
      interval: text("How often endpoints that are left alone are looked at again. Default: 10s."),
      baseEjectionTime: text("How long one is left alone, times how often that happened. Default: 30s."),
      maxEjectionPercent: says("At most this share of a Service's endpoints. Default: 50.", whole(1, 100)),
    }),
  ),
};

const PERCENT: Schema = { type: "number", minimum: 0, maximum: 100 };

const OBSERVABILITY = object({
  osmLogLevel: text("The control plane's log level: trace, debug, info, warn, error, fatal, panic or disabled."),
  enableDebugServer: FLAG,
  // OSM read the port as a 16-bit number with a sign; any port is well here.
  tracing: object({
    enable: FLAG,
    port: whole(),
    address: text(),
    endpoint: text(),
    sampling: says("Percent of all requests that are traced. Default: 100.", PERCENT),
  }),
});

const CERTIFICATE = object(
  {
    serviceCertValidityDuration: says("Life of the proxies' certificates.", DURATION),
    certKeyBitSize: says("No effect: keys are ECDSA P-256.", whole()),
    ingressGateway: says(
      "Keeps a client certificate for an ingress gateway in a Secret.",
      object(
        {
          subjectAltNames: list(text(), { minItems: 1 }),
          validityDuration: DURATION,
          secret: object({ name: text(), namespace: text() }, ["name", "namespace"]),
        },
        ["subjectAltNames", "validityDuration", "secret"],
      ),
    ),
  },
  ["serviceCertValidityDuration", "certKeyBitSize"],
);

const FEATURES: Fields = {
  enableWASMStats: FLAG,
  enableEgressPolicy: FLAG,
  enableMulticlusterMode: FLAG,
  enableSnapshotCacheMode: FLAG,
  enableAsyncProxyServiceMapping: FLAG,
  enableIngressBackendPolicy: FLAG,
  enableEnvoyActiveHealthChecks: FLAG,
  enableRetryPolicy: FLAG,
};

function meshConfig(sidecar: Fields, traffic: Fields, features: Fields): Schema {
  const spec = object({
    sidecar: object(sidecar),
    traffic: object(traffic),
    observability: OBSERVABILITY,
    certificate: CERTIFICATE,
    featureFlags: object(features),
  });
  return says("The mesh's settings. Only osm-mesh-config in the control plane's namespace counts.", object({ spec }));
}

const GROUP = "config.openservicemesh.io";

export const MESH_CONFIG: Resource = {
  group: GROUP,
  kind: "MeshConfig",
  plural: "meshconfigs",
  short: "meshconfig",
  versions: [
    {
      name: "v1alpha2",
      storage: true,
      schema: meshConfig(
        { ...SIDECAR, ...SIDECAR_TLS },
        { ...TRAFFIC, ...TRAFFIC_LATER },
        { ...FEATURES, enableMeshRootCertificate: FLAG },
      ),
    },
    {
      name: "v1alpha1",
      deprecationWarning: `${GROUP}/v1alpha1 MeshConfig is deprecated; use ${GROUP}/v1alpha2 MeshConfig`,
      schema: meshConfig(SIDECAR, TRAFFIC, FEATURES),
    },
  ],
};
