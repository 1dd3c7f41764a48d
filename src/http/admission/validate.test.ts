import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { MeshRootCertificate } from "../../core/model/mesh-root-certificate.ts";
import type { AdmissionObservation } from "./observation.ts";
import { validateRoutes } from "./validate.ts";

interface Case {
  readonly what: string;
  /** YAML of the object; its kind and group are the request's too. */
  readonly object: string;
  readonly request?: object;
  readonly settings?: { readonly validateTrafficTarget: boolean };
  /** Roots that there are already. */
  readonly roots?: readonly unknown[];
  /** Of the refusal; left out: accepted. */
  readonly refused?: RegExp;
  /** One for each, in their order. */
  readonly warnings?: readonly RegExp[];
}

const TARGET = `
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: { name: t, namespace: shop }
spec:
  destination: { kind: ServiceAccount, name: api, namespace: shop }
  sources: [{ kind: ServiceAccount, name: web, namespace: shop }]
  rules: [{ kind: HTTPRouteGroup, name: routes, matches: [all] }]
`;

const POLICY_MATCH = "policy.openservicemesh.io/v1alpha1, kind: UpstreamTrafficSetting";
const EGRESS = `
apiVersion: policy.openservicemesh.io/v1alpha1
kind: Egress
metadata: { name: e, namespace: shop }
spec:
  sources: [{ kind: ServiceAccount, name: web, namespace: shop }]
  hosts: [partner.example.org]
  ports: [{ number: 80, protocol: http }]
  matches:
    - { apiGroup: specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup, name: routes }
    - { apiGroup: ${POLICY_MATCH}, name: limits }
`;
const INGRESS = `
apiVersion: policy.openservicemesh.io/v1alpha1
kind: IngressBackend
metadata: { name: i, namespace: shop }
spec:
  backends:
    - { name: web, port: { number: 80, protocol: https }, tls: { skipClientCertValidation: false } }
  sources: [{ kind: Service, name: gateway, namespace: gateways }]
`;
const ROOT = `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshRootCertificate
metadata: { name: r, namespace: osm-system }
spec:
  { role: passive, trustDomain: a.b, provider: { tresor: { ca: { secretRef: { name: ca, namespace: osm-system } } } } }
`;

const CASES: readonly Case[] = [
  { what: "a TrafficTarget whose route group is not there yet", object: TARGET },
  {
    what: "a TrafficTarget elsewhere than its destination",
    object: TARGET.replace("name: api, namespace: shop", "name: api, namespace: stock"),
    refused:
      /^error target-namespace-mismatch TrafficTarget shop\/t spec\.destination\.namespace: the destination is in namespace stock, the TrafficTarget in shop: move it to stock$/,
  },
  {
    what: "the same, where nobody wants it validated",
    object: TARGET.replace("name: api, namespace: shop", "name: api, namespace: stock"),
    settings: { validateTrafficTarget: false },
    warnings: [/target-namespace-mismatch/],
  },
  {
    what: "a TrafficTarget whose destination is in no namespace",
    object: TARGET.replace("name: api, namespace: shop", "name: api"),
    refused: /service account api has no namespace/,
  },
  {
    what: "a source in no namespace, which OSM took",
    object: TARGET.replace("name: web, namespace: shop", "name: web"),
    warnings: [/^error target-identity-kind .*service account web has no namespace/],
  },
  {
    what: "a rule of a kind that OSM's schema has",
    object: TARGET.replace("kind: HTTPRouteGroup", "kind: UDPRoute"),
    warnings: [/target-rule-kind/],
  },
  {
    what: "a misspelt field",
    object: TARGET.replace("sources:", "sorces: []\n  sources:"),
    warnings: [/^warning field-unknown TrafficTarget shop\/t spec\.sorces/],
  },
  {
    what: "the namespace of the request, if the object names none",
    object: TARGET.replace(", namespace: shop }\nspec", " }\nspec"),
    request: { namespace: "elsewhere" },
    refused: /TrafficTarget elsewhere\/t .* the TrafficTarget in elsewhere/,
  },
  {
    what: "a name that is yet to be made",
    object: TARGET.replace("{ name: t,", "{ generateName: t-,"),
  },
  {
    what: "a regular expression that Envoy cannot read, which OSM took",
    object: `
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: { name: routes, namespace: shop }
spec: { matches: [{ name: all, pathRegex: "(", methods: [GET] }] }
`,
    warnings: [/^error object-invalid HTTPRouteGroup shop\/routes spec\.matches\[0\]\.pathRegex/],
  },
  {
    what: "a TCPRoute without ports",
    object: `
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: { name: r, namespace: shop }
spec: { matches: { ports: [] } }
`,
    warnings: [/object-invalid TCPRoute shop\/r spec\.matches\.ports/],
  },
  {
    what: "a TrafficSplit",
    object: `
apiVersion: split.smi-spec.io/v1alpha2
kind: TrafficSplit
metadata: { name: s, namespace: shop }
spec: { service: api, backends: [{ service: api-v1, weight: 90 }, { service: api-v2, weight: 10 }] }
`,
  },
  {
    what: "a MeshConfig that is in force, with one bad value",
    object: `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshConfig
metadata: { name: osm-mesh-config, namespace: osm-system }
spec: { sidecar: { logLevel: loud } }
`,
    request: { namespace: "osm-system" },
    warnings: [/^error field-invalid MeshConfig osm-system\/osm-mesh-config spec\.sidecar\.logLevel/],
  },
  {
    what: "a MeshConfig that nobody reads",
    object: `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshConfig
metadata: { name: mine, namespace: shop }
spec: {}
`,
    warnings: [/mesh-config-name MeshConfig shop\/mine metadata: shop\/mine has no effect/],
  },
  { what: "an Egress with both kinds of matches", object: EGRESS },
  {
    what: "an Egress with a match of another group",
    object: EGRESS.replace("specs.smi-spec.io/v1alpha4", "specs.smi-spec.io/v1alpha3"),
    refused: /^error object-invalid Egress shop\/e spec\.matches\[0\]: must be an HTTPRouteGroup of specs/,
  },
  {
    what: "an Egress with two UpstreamTrafficSettings",
    object: EGRESS.replace("specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup", POLICY_MATCH),
    refused: /spec\.matches: must be a list with at most one UpstreamTrafficSetting/,
  },
  {
    what: "an Egress of a protocol that OSM ignored",
    object: EGRESS.replace("protocol: http", "protocol: udp"),
    warnings: [/^error field-invalid Egress shop\/e spec\.ports\[0\]\.protocol/],
  },
  {
    what: "an Egress for a host that is none, which OSM took",
    object: EGRESS.replace("partner.example.org", '"a b"'),
    warnings: [/^error object-invalid Egress shop\/e spec\.hosts\[0\]/],
  },
  { what: "an IngressBackend", object: INGRESS },
  {
    what: "https without a check and without a principal, which OSM refused by mistake",
    object: INGRESS.replace("skipClientCertValidation: false", "skipClientCertValidation: true"),
  },
  {
    what: "an IngressBackend of another protocol",
    object: INGRESS.replace("protocol: https", "protocol: tcp"),
    refused: /spec\.backends\[0\]\.port\.protocol: must be http or https, but is "tcp"/,
  },
  {
    what: "an IngressBackend that names a port twice",
    object: INGRESS.replace("  sources:", "    - { name: web, port: { number: 80, protocol: http } }\n  sources:"),
    refused: /spec\.backends\[1\]: must be another Service or port than spec\.backends\[0\]/,
  },
  {
    what: "an ingress source of another kind",
    object: INGRESS.replace("kind: Service", "kind: Pod"),
    refused: /spec\.sources\[0\]\.kind: must be one of Service, AuthenticatedPrincipal, IPRange, but is "Pod"/,
  },
  {
    what: "an ingress source that is no range",
    object: INGRESS.replace("kind: Service", "kind: IPRange"),
    refused: /spec\.sources\[0\]\.name: must be a range of addresses/,
  },
  {
    what: "an ingress source without its namespace",
    object: INGRESS.replace(", namespace: gateways", ""),
    refused: /spec\.sources\[0\]\.namespace: must be the Service's namespace, but is ""/,
  },
  { what: "a root of trust", object: ROOT, request: { namespace: "osm-system" } },
  {
    what: "a root of trust of an empty domain",
    object: ROOT.replace("trustDomain: a.b", 'trustDomain: ""'),
    request: { namespace: "osm-system" },
    refused: /MeshRootCertificate osm-system\/r spec\.trustDomain/,
  },
  {
    what: "a root of trust in an unnamed Secret",
    object: ROOT.replace("name: ca,", 'name: "",'),
    request: { namespace: "osm-system" },
    refused: /spec\.provider\.tresor\.ca\.secretRef\.name: must be a name, not empty/,
  },
  {
    what: "a second root that is passive too",
    object: ROOT,
    request: { namespace: "osm-system" },
    roots: [parse(ROOT.replace("name: r,", "name: first,"))],
    refused:
      /^error object-invalid MeshRootCertificate osm-system\/r spec\.role: must be another than passive, which first is$/,
  },
  {
    what: "a root of another namespace, which no mesh reads",
    object: ROOT.replace("r, namespace: osm-system", "r, namespace: shop"),
    roots: [parse(ROOT.replace("name: r,", "name: first,"))],
  },
  {
    what: "the same root again, with another label",
    object: ROOT.replace("name: r,", "name: r, labels: { a: b },"),
    request: { namespace: "osm-system", operation: "UPDATE", oldObject: parse(ROOT) },
    roots: [parse(ROOT)],
  },
  {
    what: "a root whose trust domain changes",
    object: ROOT.replace("trustDomain: a.b", "trustDomain: a.c"),
    request: { namespace: "osm-system", operation: "UPDATE", oldObject: parse(ROOT) },
    roots: [parse(ROOT)],
    refused: /spec\.trustDomain: may not change, since certificates of it are in use/,
  },
  {
    what: "limits of which one is out of range",
    object: `
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: u, namespace: shop }
spec: { host: web.shop.svc.cluster.local, connectionSettings: { tcp: { maxConnections: -1 } } }
`,
    warnings: [/^error field-invalid UpstreamTrafficSetting shop\/u spec\.connectionSettings\.tcp\.maxConnections/],
  },
  {
    what: "limits of no host at all, which OSM's schema alone would refuse",
    object: `
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: u, namespace: shop }
spec: {}
`,
    warnings: [/object-invalid UpstreamTrafficSetting shop\/u spec\.host/],
  },
  {
    what: "an object without a spec",
    object: "{ apiVersion: split.smi-spec.io/v1alpha2, kind: TrafficSplit, metadata: { name: s } }",
    refused: /object-invalid TrafficSplit shop\/s/,
  },
  {
    what: "a kind that there are no rules for",
    object: "{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: i }, spec: {} }",
    refused: /^unknown gvk: networking\.k8s\.io\/v1, Kind=Ingress/,
  },
  {
    what: "the removal of whatever it is",
    object: "{ apiVersion: access.smi-spec.io/v1alpha3, kind: TrafficTarget }",
    request: { operation: "DELETE", object: null },
  },
  {
    what: "a status alone",
    object: "{ apiVersion: access.smi-spec.io/v1alpha3, kind: TrafficTarget }",
    request: { operation: "UPDATE", subResource: "status" },
  },
];

function toRoot(raw: unknown): MeshRootCertificate {
  const parsed = MeshRootCertificate.parse(raw);
  assert.ok(parsed.ok);
  return parsed.value;
}

async function ask({ object: yaml, request = {}, settings = { validateTrafficTarget: true }, roots = [] }: Case) {
  const seen: AdmissionObservation[] = [];
  const app = validateRoutes({
    settings: () => ({
      meshName: "osm",
      meshNamespace: "osm-system",
      trustDomain: "cluster.local",
      ...settings,
      roots: roots.map(toRoot),
    }),
    observe: (one) => seen.push(one),
  });
  const object = parse(yaml);
  const [group, version] = object.apiVersion.split("/");
  const body = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "the-uid",
      kind: { group, version, kind: object.kind },
      namespace: "shop",
      operation: "CREATE",
      object,
      ...request,
    },
  };
  const answer = await app.request("/validate?timeout=10s", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { response } = await answer.json();
  return { response, seen };
}

describe("the validating webhook", () => {
  for (const one of CASES) {
    const { what, refused, warnings = [] } = one;
    it(`${refused === undefined ? "accepts" : "refuses"} ${what}`, async () => {
      const { response, seen } = await ask(one);
      assert.equal(response.uid, "the-uid");
      assert.equal(response.allowed, refused === undefined, response.status?.message);
      assert.match(response.status?.message ?? "", refused ?? /^$/);
      const told: readonly string[] = response.warnings ?? [];
      assert.equal(told.length, warnings.length, told.join("\n"));
      for (const [i, warning] of warnings.entries()) assert.match(told[i] ?? "", warning);
      assert.equal(seen[0]?.outcome, refused === undefined ? "allowed" : "refused");
    });
  }

  it("tells of kinds by names of ours alone", async () => {
    const { seen } = await ask({
      what: "",
      object: "{ apiVersion: evil.io/v1, kind: Metric123, metadata: { name: i } }",
    });
    assert.equal(seen[0]?.kind, "unknown");
  });

  it("writes warnings that an API server can pass on", async () => {
    const fields = Array.from({ length: 40 }, (_, i) => `  "field\\n${i}${"x".repeat(400)}": 1\n`).join("");
    const { response } = await ask({ what: "", object: TARGET + fields });
    assert.equal(response.warnings.length, 17);
    assert.equal(response.warnings[16], "and 24 more");
    for (const warning of response.warnings) {
      assert.ok(warning.length <= 240, `${warning.length}`);
      assert.doesNotMatch(warning, /\p{Cc}/u);
    }
  });
});
