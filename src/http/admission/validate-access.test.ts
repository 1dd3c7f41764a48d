import { describe } from "node:test";
import { itJudges, TARGET, type ValidationCase } from "../../../test/support/validation-cases.ts";

const CASES: readonly ValidationCase[] = [
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
];

describe("the validating webhook, of traffic inside the mesh", () => itJudges(CASES));
