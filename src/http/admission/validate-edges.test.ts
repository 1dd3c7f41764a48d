import { describe } from "node:test";
import { itJudges, type ValidationCase } from "../../../test/support/validation-cases.ts";

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

const CASES: readonly ValidationCase[] = [
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
];

describe("the validating webhook, of traffic in and out", () => itJudges(CASES));
