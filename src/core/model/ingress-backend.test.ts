import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IngressBackend } from "./ingress-backend.ts";

const HTTP = { name: "web", port: { number: 8080, protocol: "http" } };
const GATEWAY = { kind: "Service", name: "gateway", namespace: "gateways" };
const SPEC = { backends: [HTTP], sources: [GATEWAY] };

function ingress(spec: unknown, status?: unknown) {
  const metadata = { name: "web-in", namespace: "shop" };
  const header = { apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "IngressBackend" };
  return IngressBackend.parse({ ...header, metadata, spec, ...(status === undefined ? {} : { status }) });
}

function accepted(spec: unknown, status?: unknown): IngressBackend {
  const parsed = ingress(spec, status);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  assert.deepEqual(parsed.findings, []);
  return parsed.value;
}

describe("IngressBackend.parse", () => {
  it("reads all of it, in one spelling", () => {
    const { backends, sources, matches } = accepted({
      backends: [
        HTTP,
        {
          name: "web",
          port: { number: 8443, protocol: "HTTPS" },
          tls: { skipClientCertValidation: true, sniHosts: ["Web.example.org", "*.example.org"] },
        },
      ],
      sources: [
        GATEWAY,
        { kind: "AuthenticatedPrincipal", name: "gateway.gateways.cluster.local" },
        { kind: "AuthenticatedPrincipal", name: "*" },
        { kind: "IPRange", name: "10.0.0.0/8" },
        { kind: "IPRange", name: "FD00::/8" },
      ],
      matches: [{ apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name: "routes" }],
    });
    assert.deepEqual(backends, [
      { ...HTTP, tls: { skipClientCertValidation: false, sniHosts: [] } },
      {
        name: "web",
        port: { number: 8443, protocol: "https" },
        tls: { skipClientCertValidation: true, sniHosts: ["web.example.org", "*.example.org"] },
      },
    ]);
    assert.deepEqual(sources, [
      { kind: "Service", namespace: "gateways", name: "gateway" },
      { kind: "AuthenticatedPrincipal", name: "gateway.gateways.cluster.local" },
      { kind: "AuthenticatedPrincipal", name: "*" },
      { kind: "IPRange", range: { address: "10.0.0.0", prefixLength: 8 } },
      { kind: "IPRange", range: { address: "fd00::", prefixLength: 8 } },
    ]);
    assert.deepEqual(
      matches.map(({ name }) => name),
      ["routes"],
    );
  });

  // A caller's certificate must be checked unless somebody says otherwise.
  it("checks certificates where TLS says nothing", () => {
    assert.equal(
      accepted({ ...SPEC, backends: [{ ...HTTP, tls: {} }] }).backends[0]?.tls.skipClientCertValidation,
      false,
    );
  });

  it("takes one name with two ports, and one port with two names", () => {
    const backends = [HTTP, { ...HTTP, port: { number: 80, protocol: "http" } }, { ...HTTP, name: "api" }];
    assert.equal(accepted({ ...SPEC, backends }).backends.length, 3);
  });

  const backend = (change: object) => ({ ...SPEC, backends: [{ ...HTTP, ...change }] });
  const source = (one: unknown) => ({ ...SPEC, sources: [GATEWAY, one] });
  const refused: readonly (readonly [string, unknown, string])[] = [
    ["no backends", { sources: [] }, "spec.backends"],
    ["no sources", { backends: [HTTP] }, "spec.sources"],
    ["a backend without name", backend({ name: "" }), "spec.backends[0].name"],
    ["a backend without port", backend({ port: undefined }), "spec.backends[0].port"],
    ["port 65536", backend({ port: { number: 65_536, protocol: "http" } }), "spec.backends[0].port.number"],
    ["the protocol tcp", backend({ port: { number: 1, protocol: "tcp" } }), "spec.backends[0].port.protocol"],
    [
      "a flag as a text",
      backend({ tls: { skipClientCertValidation: "no" } }),
      "spec.backends[0].tls.skipClientCertValidation",
    ],
    ["a host that is none", backend({ tls: { sniHosts: ["a.*.b"] } }), "spec.backends[0].tls.sniHosts[0]"],
    ["one port twice", { ...SPEC, backends: [HTTP, HTTP] }, "spec.backends[1]"],
    [
      "one port twice, for two protocols",
      { ...SPEC, backends: [HTTP, { ...HTTP, port: { number: 8080, protocol: "https" } }] },
      "spec.backends[1]",
    ],
    ["a source of another kind", source({ kind: "Pod", name: "a" }), "spec.sources[1].kind"],
    ["a Service without namespace", source({ kind: "Service", name: "a" }), "spec.sources[1].namespace"],
    ["a Service without name", source({ kind: "Service", namespace: "a", name: "" }), "spec.sources[1].name"],
    ["a principal without name", source({ kind: "AuthenticatedPrincipal", name: "" }), "spec.sources[1].name"],
    ["an address for a range", source({ kind: "IPRange", name: "10.0.0.1" }), "spec.sources[1].name"],
    ["a range that is too long", source({ kind: "IPRange", name: "fd00::/129" }), "spec.sources[1].name"],
    ["a match without group", { ...SPEC, matches: [{ kind: "a", name: "b" }] }, "spec.matches[0].apiGroup"],
  ];
  for (const [title, spec, path] of refused) {
    it(`refuses ${title}: without it, more could be open`, () => {
      const parsed = ingress(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map((one) => `${one.code} ${one.path}`),
        [`object-invalid ${path}`],
      );
    });
  }

  it("knows what its status says, OSM's spelling and Kubernetes'", () => {
    const condition = {
      type: "Ready",
      status: "True",
      reason: "Committed",
      message: "",
      observedGeneration: 3,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    const status = {
      currentStatus: "committed",
      reason: "successfully committed by the system",
      conditions: [condition],
    };
    assert.deepEqual(accepted(SPEC, status).status, status);
  });

  for (const status of [
    undefined,
    null,
    3,
    "x",
    [],
    { currentStatus: 3, conditions: "x" },
    { conditions: [{ type: 1 }] },
  ]) {
    it(`finds nothing wrong with the status ${JSON.stringify(status)}`, () => {
      assert.deepEqual(accepted(SPEC, status).status, { currentStatus: "", reason: "", conditions: [] });
    });
  }
});
