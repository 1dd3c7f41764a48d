/**
 * Objects that OSM's definitions refuse, one for each rule of section 1 of the platform specification that a schema can
 * hold.
 *
 * @module
 */
import type { KubernetesObject } from "./documents.ts";

const config = (kind: string, spec: object) => written("config.openservicemesh.io/v1alpha2", kind, spec);
const policy = (kind: string, spec: object) => written("policy.openservicemesh.io/v1alpha1", kind, spec);
const mesh = (spec: object) => config("MeshConfig", spec);
const root = (spec: object) => config("MeshRootCertificate", spec);
const limits = (spec: object) => policy("UpstreamTrafficSetting", { host: "a.b.svc.cluster.local", ...spec });

const TRESOR = { tresor: { ca: { secretRef: { name: "a", namespace: "b" } } } };
const CERT_MANAGER = { certManager: { issuerName: "a", issuerKind: "Issuer", issuerGroup: "g" } };
const ACCOUNT = { kind: "ServiceAccount", name: "a", namespace: "b" };
const GLOBAL = { rateLimitService: { host: "r", port: 80 }, domain: "d" };

export const REFUSED: readonly (readonly [string, KubernetesObject])[] = [
  ["an unknown Envoy log level", mesh({ sidecar: { logLevel: "loud" } })],
  ["an unknown TLS version", mesh({ sidecar: { tlsMinProtocolVersion: "TLSv1_4" } })],
  ["an unknown proxy mode", mesh({ sidecar: { localProxyMode: "Node" } })],
  ["a range without a length", mesh({ traffic: { outboundIPRangeExclusionList: ["10.0.0.0"] } })],
  ["port 0", mesh({ traffic: { outboundPortExclusionList: [0] } })],
  ["a port above the last", mesh({ traffic: { inboundPortExclusionList: [65_536] } })],
  ["a port as a text", mesh({ traffic: { inboundPortExclusionList: ["80"] } })],
  ["a flag as a text", mesh({ traffic: { enableEgress: "true" } })],
  ["certificate settings without a key size", mesh({ certificate: { serviceCertValidityDuration: "24h" } })],
  [
    "a gateway certificate for no name",
    mesh({
      certificate: {
        serviceCertValidityDuration: "24h",
        certKeyBitSize: 2048,
        ingressGateway: { subjectAltNames: [], validityDuration: "24h", secret: { name: "a", namespace: "b" } },
      },
    }),
  ],
  ["a root without a provider", root({ role: "active" })],
  ["a root in an unknown role", root({ role: "spare", provider: TRESOR })],
  ["a root of two providers", root({ role: "active", provider: { ...TRESOR, ...CERT_MANAGER } })],
  [
    "an issuer of an unknown kind",
    root({ role: "active", provider: { certManager: { ...CERT_MANAGER.certManager, issuerKind: "CA" } } }),
  ],
  ["an extension service without a host", config("ExtensionService", { host: "", port: 80 })],
  ["egress of another kind", policy("Egress", { sources: [{ ...ACCOUNT, kind: "User" }], ports: [] })],
  ["egress without ports", policy("Egress", { sources: [ACCOUNT] })],
  ["a backend without a port", policy("IngressBackend", { backends: [{ name: "a" }], sources: [] })],
  [
    "TLS that does not say whom it trusts",
    policy("IngressBackend", {
      backends: [{ name: "a", port: { number: 80, protocol: "https" }, tls: {} }],
      sources: [],
    }),
  ],
  [
    "a retry without numbers",
    policy("Retry", { source: ACCOUNT, destinations: [ACCOUNT], retryPolicy: { retryOn: "5xx" } }),
  ],
  ["an empty log format", policy("Telemetry", { accessLog: { format: "" } })],
  ["limits of no host", policy("UpstreamTrafficSetting", {})],
  ["fewer than no connections", limits({ connectionSettings: { tcp: { maxConnections: -1 } } })],
  ["a rate per day", limits({ rateLimit: { local: { http: { requests: 1, unit: "day" } } } })],
  ["a rate of nothing", limits({ rateLimit: { local: { tcp: { connections: 0, unit: "second" } } } })],
  [
    "success as the answer to too many",
    limits({ rateLimit: { local: { http: { requests: 1, unit: "hour", responseStatusCode: 200 } } } }),
  ],
  [
    "a global limit without a domain",
    limits({ rateLimit: { global: { http: { rateLimitService: GLOBAL.rateLimitService } } } }),
  ],
  [
    "a global limit of connections by nothing",
    limits({ rateLimit: { global: { tcp: { ...GLOBAL, descriptors: [] } } } }),
  ],
  [
    "an entry that is two",
    limits({
      rateLimit: {
        global: {
          http: { ...GLOBAL, descriptors: [{ entries: [{ remoteAddress: {}, genericKey: { value: "a" } }] }] },
        },
      },
    }),
  ],
  [
    "a header that is compared twice",
    limits({
      httpRoutes: [
        {
          path: "/",
          rateLimit: {
            global: {
              descriptors: [
                { entries: [{ headerValueMatch: { value: "a", headers: [{ name: "h", exact: "a", prefix: "b" }] } }] },
              ],
            },
          },
        },
      ],
    }),
  ],
  ["a route of no path", limits({ httpRoutes: [{ path: "" }] })],
  [
    "a target without sources",
    written("access.smi-spec.io/v1alpha3", "TrafficTarget", { destination: ACCOUNT, rules: [] }),
  ],
  [
    "a rule of an unknown kind",
    written("access.smi-spec.io/v1alpha3", "TrafficTarget", {
      destination: ACCOUNT,
      sources: [],
      rules: [{ kind: "Any", name: "a" }],
    }),
  ],
  [
    "an unknown method",
    written("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", { matches: [{ name: "a", methods: ["FETCH"] }] }),
  ],
  ["a TCP route without ports", written("specs.smi-spec.io/v1alpha4", "TCPRoute", { matches: {} })],
  [
    "a split without weights",
    written("split.smi-spec.io/v1alpha2", "TrafficSplit", { service: "a", backends: [{ service: "b" }] }),
  ],
  [
    "a version that is not served",
    written("split.smi-spec.io/v1alpha4", "TrafficSplit", { service: "a", backends: [] }),
  ],
];

function written(apiVersion: string, kind: string, spec: object): KubernetesObject {
  return { apiVersion, kind, metadata: { name: "refused", namespace: "default" }, spec };
}
