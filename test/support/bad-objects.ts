/**
 * What operators get wrong, kind by kind: objects of namespace `noisy`, and what the mesh has to say of each.
 *
 * @module
 */
import { type Manifest, service } from "./workloads.ts";

export interface BadObject {
  readonly what: string;
  readonly objects: readonly Manifest[];
  /** The finding names the object, or the file and the place in it. */
  readonly says: RegExp;
}

const NS = "noisy";
const SMI_SPECS = "specs.smi-spec.io/v1alpha4";
const SMI_ACCESS = "access.smi-spec.io/v1alpha3";
const SMI_SPLIT = "split.smi-spec.io/v1alpha2";
const POLICY = "policy.openservicemesh.io/v1alpha1";
const CONFIG = "config.openservicemesh.io/v1alpha2";

function object(apiVersion: string, kind: string, spec: unknown, name = "bad"): Manifest {
  return { apiVersion, kind, metadata: { namespace: NS, name }, spec };
}

function one(what: string, manifest: Manifest, says: RegExp): BadObject {
  return { what: `${String(manifest["kind"])}: ${what}`, objects: [manifest], says };
}

const account = (name: string, namespace = NS) => ({ kind: "ServiceAccount", name, namespace });

const ACCESS: readonly BadObject[] = [
  one(
    "a pattern that is none",
    object(SMI_SPECS, "HTTPRouteGroup", { matches: [{ name: "a", pathRegex: "/(" }] }),
    /pathRegex/,
  ),
  one(
    "a method that is a number",
    object(SMI_SPECS, "HTTPRouteGroup", { matches: [{ name: "a", methods: [7] }] }),
    /methods/,
  ),
  one(
    "a header pattern that is none",
    object(SMI_SPECS, "HTTPRouteGroup", { matches: [{ name: "a", headers: [{ x: "[" }] }] }),
    /headers/,
  ),
  one("matches that are no list", object(SMI_SPECS, "HTTPRouteGroup", { matches: "all" }), /spec\.matches/),
  one("a port above all", object(SMI_SPECS, "TCPRoute", { matches: { ports: [70_000] } }), /ports/),
  one("a misspelt field", object(SMI_SPECS, "TCPRoute", { matches: { prots: [80] } }), /prots/),
  one(
    "no rules",
    object(SMI_ACCESS, "TrafficTarget", { destination: account("web"), sources: [account("client")], rules: [] }),
    /TrafficTarget noisy\/bad/,
  ),
  one(
    "a group that is not there",
    object(SMI_ACCESS, "TrafficTarget", {
      destination: account("web"),
      sources: [account("client")],
      rules: [{ kind: "HTTPRouteGroup", name: "nowhere", matches: ["a"] }],
    }),
    /TrafficTarget noisy\/bad .*nowhere/,
  ),
  one(
    "a destination in another namespace",
    object(SMI_ACCESS, "TrafficTarget", {
      destination: account("api", "quiet"),
      sources: [account("client")],
      rules: [{ kind: "HTTPRouteGroup", name: "x" }],
    }),
    /TrafficTarget noisy\/bad .*quiet/,
  ),
  one(
    "a source that is a Group",
    object(SMI_ACCESS, "TrafficTarget", {
      destination: account("web"),
      sources: [{ kind: "Group", name: "all", namespace: NS }],
      rules: [{ kind: "HTTPRouteGroup", name: "x" }],
    }),
    /TrafficTarget noisy\/bad .*Group/,
  ),
];

const SPLITS: readonly BadObject[] = [
  one(
    "a root that is not there",
    object(SMI_SPLIT, "TrafficSplit", { service: "nowhere", backends: [{ service: "web", weight: 1 }] }),
    /TrafficSplit noisy\/bad .*nowhere/,
  ),
  one(
    "a backend that is not there",
    object(SMI_SPLIT, "TrafficSplit", { service: "web", backends: [{ service: "gone", weight: 1 }] }),
    /TrafficSplit noisy\/bad .*gone/,
  ),
  one(
    "a weight below zero",
    object(SMI_SPLIT, "TrafficSplit", { service: "web", backends: [{ service: "db", weight: -1 }] }),
    /weight/,
  ),
  one(
    "no weight at all",
    object(SMI_SPLIT, "TrafficSplit", { service: "web", backends: [{ service: "web", weight: 0 }] }),
    /TrafficSplit noisy\/bad/,
  ),
  {
    what: "TrafficSplit: two of one root",
    objects: ["one", "two"].map((name) =>
      object(SMI_SPLIT, "TrafficSplit", { service: "web", backends: [{ service: "web", weight: 1 }] }, name),
    ),
    says: /TrafficSplit noisy\/two .*noisy\/one/,
  },
];

const SERVICES: readonly BadObject[] = [
  {
    what: "Service: a protocol that nobody carries",
    objects: [
      service({ namespace: NS, name: "odd" }, [{ port: 81, appProtocol: "redis" }], { selector: { app: "web" } }),
    ],
    says: /Service noisy\/odd/,
  },
  {
    what: "Service: a named target port that no pod has",
    objects: [
      service({ namespace: NS, name: "named" }, [{ port: 82, targetPort: "nobody" }], { selector: { app: "web" } }),
    ],
    says: /Service noisy\/named/,
  },
  {
    what: "Service: two protocols on one target port",
    objects: [
      service(
        { namespace: NS, name: "both" },
        [
          { name: "a", port: 83, targetPort: 8080, appProtocol: "http" },
          { name: "b", port: 84, targetPort: 8080, appProtocol: "tcp" },
        ],
        { selector: { app: "web" } },
      ),
    ],
    says: /Service noisy\/both/,
  },
  {
    what: "Service: a port above all",
    objects: [service({ namespace: NS, name: "high" }, [{ port: 70_000 }], { selector: { app: "web" } })],
    says: /ports\[0\]\.port/,
  },
  {
    what: "Service: no selector and foreign addresses",
    objects: [
      { apiVersion: "v1", kind: "Service", metadata: { namespace: NS, name: "away" }, spec: { ports: [{ port: 80 }] } },
      {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata: { namespace: NS, name: "away" },
        subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80 }] }],
      },
    ],
    says: /Service noisy\/away/,
  },
];

const egress = (spec: object, name?: string) =>
  object(
    POLICY,
    "Egress",
    { sources: [account("client")], hosts: ["out.example"], ports: [{ number: 8081, protocol: "http" }], ...spec },
    name,
  );

const EGRESS: readonly BadObject[] = [
  one("a source that is a Group", egress({ sources: [{ kind: "Group", name: "all", namespace: NS }] }), /sources\[0\]/),
  one("a host that is none", egress({ hosts: ["not a host"] }), /hosts\[0\]/),
  one("addresses that are none", egress({ ipAddresses: ["10.0.0.0/40"] }), /ipAddresses\[0\]/),
  one("a port above all", egress({ ports: [{ number: 70_000, protocol: "http" }] }), /ports\[0\]/),
  one("a protocol that is none", egress({ ports: [{ number: 81, protocol: "carrier-pigeon" }] }), /ports\[0\]/),
  one(
    "a match of an unknown kind",
    egress({ matches: [{ apiGroup: "v1", kind: "Secret", name: "x" }] }),
    /matches\[0\]/,
  ),
  one(
    "a group that is not there",
    egress({ matches: [{ apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name: "nowhere" }] }),
    /Egress noisy\/bad .*nowhere/,
  ),
  one(
    "a setting that is not there",
    egress({ matches: [{ apiGroup: POLICY, kind: "UpstreamTrafficSetting", name: "nowhere" }] }),
    /Egress noisy\/bad .*nowhere/,
  ),
  {
    what: "Egress: two of one host and port",
    objects: [egress({}, "one"), egress({}, "two")],
    says: /Egress noisy\/two .*noisy\/one/,
  },
];

const ingress = (spec: object, name?: string) =>
  object(
    POLICY,
    "IngressBackend",
    {
      backends: [{ name: "web", port: { number: 8080, protocol: "http" } }],
      sources: [{ kind: "IPRange", name: "10.0.0.0/8" }],
      ...spec,
    },
    name,
  );

const INGRESS: readonly BadObject[] = [
  one("a range that is none", ingress({ sources: [{ kind: "IPRange", name: "10.0.0.0/40" }] }), /sources\[0\]/),
  one("a source that is none", ingress({ sources: [{ kind: "Group", name: "all" }] }), /sources\[0\]/),
  one(
    "a Service source without namespace",
    ingress({ sources: [{ kind: "Service", name: "gateway" }] }),
    /sources\[0\]/,
  ),
  one(
    "a Service source that is not there",
    ingress({ sources: [{ kind: "Service", name: "gateway", namespace: "nowhere" }] }),
    /IngressBackend noisy\/bad .*nowhere\/gateway/,
  ),
  one(
    "a backend that is not there",
    ingress({ backends: [{ name: "gone", port: { number: 8080, protocol: "http" } }] }),
    /IngressBackend noisy\/bad .*gone/,
  ),
  one(
    "a protocol that is none",
    ingress({ backends: [{ name: "web", port: { number: 8080, protocol: "tcp" } }] }),
    /backends\[0\]/,
  ),
  one(
    "one backend twice",
    ingress({
      backends: [
        { name: "web", port: { number: 8080, protocol: "http" } },
        { name: "web", port: { number: 8080, protocol: "https" } },
      ],
    }),
    /backends/,
  ),
  {
    what: "IngressBackend: two of one port",
    objects: [ingress({}, "one"), ingress({}, "two")],
    says: /IngressBackend noisy\/two .*noisy\/one/,
  },
];

const setting = (spec: object, name?: string) =>
  object(POLICY, "UpstreamTrafficSetting", { host: "web.noisy.svc.cluster.local", ...spec }, name);
const localHttp = (limit: object) =>
  setting({ rateLimit: { local: { http: { requests: 1, unit: "minute", ...limit } } } });

const SETTINGS: readonly BadObject[] = [
  one("a host that is none", setting({ host: "not a host" }), /spec\.host/),
  one(
    "a host that is no service",
    setting({ host: "gone.noisy.svc.cluster.local" }),
    /UpstreamTrafficSetting noisy\/bad .*gone/,
  ),
  one("connections below zero", setting({ connectionSettings: { tcp: { maxConnections: -1 } } }), /maxConnections/),
  one("a time that is none", setting({ connectionSettings: { tcp: { connectTimeout: "soon" } } }), /connectTimeout/),
  one("a count that is a text", setting({ connectionSettings: { http: { maxRequests: "many" } } }), /maxRequests/),
  one("no requests", localHttp({ requests: 0 }), /requests/),
  one("a unit that is none", localHttp({ unit: "fortnight" }), /unit/),
  one("a status that is none", localHttp({ responseStatusCode: 299 }), /responseStatusCode/),
  one("a status that Envoy lacks", localHttp({ responseStatusCode: 418 }), /responseStatusCode/),
  one(
    "a header name that is none",
    localHttp({ responseHeadersToAdd: [{ name: "a b", value: "c" }] }),
    /responseHeadersToAdd/,
  ),
  one(
    "a rate limit service without port",
    setting({
      rateLimit: { global: { http: { domain: "d", rateLimitService: { host: "rls.noisy" }, descriptors: [] } } },
    }),
    /rateLimitService/,
  ),
  one(
    "a descriptor without entries",
    setting({
      rateLimit: {
        global: {
          http: { domain: "d", rateLimitService: { host: "rls.noisy", port: 8081 }, descriptors: [{ entries: [] }] },
        },
      },
    }),
    /descriptors/,
  ),
  {
    what: "UpstreamTrafficSetting: two of one host",
    objects: [setting({}, "one"), setting({}, "two")],
    says: /UpstreamTrafficSetting noisy\/two .*noisy\/one/,
  },
];

const retry = (policy: object, spec: object = {}, name?: string) =>
  object(
    POLICY,
    "Retry",
    {
      source: account("client"),
      destinations: [{ kind: "Service", name: "web", namespace: NS }],
      retryPolicy: { retryOn: "5xx", ...policy },
      ...spec,
    },
    name,
  );

const RETRIES: readonly BadObject[] = [
  one("a condition that Envoy lacks", retry({ retryOn: "full-moon" }), /retryOn/),
  one("a time that is none", retry({ perTryTimeout: "soon" }), /perTryTimeout/),
  one("tries below zero", retry({ numRetries: -1 }), /numRetries/),
  one("a source that is a Group", retry({}, { source: { kind: "Group", name: "all", namespace: NS } }), /source/),
  one(
    "a destination that is a pod",
    retry({}, { destinations: [{ kind: "Pod", name: "web", namespace: NS }] }),
    /destinations\[0\]/,
  ),
  one(
    "a destination that is not there",
    retry({}, { destinations: [{ kind: "Service", name: "gone", namespace: NS }] }),
    /Retry noisy\/bad .*gone/,
  ),
  {
    what: "Retry: two of one source and destination",
    objects: [retry({}, {}, "one"), retry({}, {}, "two")],
    says: /Retry noisy\/two .*noisy\/one/,
  },
];

const TELEMETRY: readonly BadObject[] = [
  one("a selector that is a text", object(POLICY, "Telemetry", { selector: "all" }), /selector/),
  one(
    "an operator that Envoy lacks",
    object(POLICY, "Telemetry", { accessLog: { format: "%NO_SUCH_THING%" } }),
    /format/,
  ),
  one(
    "a service that is not there",
    object(POLICY, "Telemetry", {
      accessLog: { openTelemetry: { extensionService: { namespace: NS, name: "nowhere" } } },
    }),
    /Telemetry noisy\/bad .*nowhere/,
  ),
  one("a port above all", object(CONFIG, "ExtensionService", { host: "otel.noisy", port: 70_000 }), /spec\.port/),
  one(
    "a protocol that is none",
    object(CONFIG, "ExtensionService", { host: "otel.noisy", port: 80, protocol: "smoke" }),
    /protocol/,
  ),
];

const ROOTS: readonly BadObject[] = [
  one("no provider", object(CONFIG, "MeshRootCertificate", { trustDomain: "cluster.local", provider: {} }), /provider/),
  one(
    "a trust domain that is none",
    object(CONFIG, "MeshRootCertificate", {
      trustDomain: "Not One",
      provider: { tresor: { ca: { secretRef: { name: "a", namespace: "b" } } } },
    }),
    /trustDomain/,
  ),
];

const ANY: readonly BadObject[] = [
  one(
    "a kind without a name",
    { apiVersion: POLICY, kind: "Egress", metadata: { namespace: NS }, spec: {} },
    /metadata\.name|name/,
  ),
  one("a spec that is a list", object(POLICY, "Retry", []), /spec/),
  one("a version that is not served", object("access.smi-spec.io/v1alpha9", "TrafficTarget", {}), /v1alpha9/),
];

export const BAD_OBJECTS: readonly BadObject[] = [
  ...ACCESS,
  ...SPLITS,
  ...SERVICES,
  ...EGRESS,
  ...INGRESS,
  ...SETTINGS,
  ...RETRIES,
  ...TELEMETRY,
  ...ROOTS,
  ...ANY,
];
