import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExtensionService } from "./extension-service.ts";

const SPEC = { host: "otel.observability.svc.cluster.local", port: 4317, protocol: "h2c", connectTimeout: "1s" };

function service(spec: unknown) {
  const metadata = { name: "collector", namespace: "shop" };
  return ExtensionService.parse({
    apiVersion: "config.openservicemesh.io/v1alpha2",
    kind: "ExtensionService",
    metadata,
    spec,
  });
}

function read(spec: unknown) {
  const parsed = service(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  const { host, port, protocol, connectTimeout } = parsed.value;
  return { host, port, protocol, connectTimeout };
}

describe("ExtensionService.parse", () => {
  it("reads OSM's own sample", () => {
    assert.deepEqual(read(SPEC), { host: SPEC.host, port: 4317, protocol: "http2", connectTimeout: 1000 });
    assert.deepEqual(service(SPEC).findings, []);
  });

  it("speaks HTTP/2 and waits five seconds where nothing is said: what proxies send is gRPC", () => {
    assert.deepEqual(read({ host: "Otel", port: 1 }), {
      host: "otel",
      port: 1,
      protocol: "http2",
      connectTimeout: 5000,
    });
  });

  for (const [written, protocol] of [
    ["http2", "http2"],
    ["GRPC", "http2"],
    ["http1", "http1"],
    ["", "http2"],
  ] as const) {
    it(`reads the protocol ${JSON.stringify(written)} as ${protocol}`, () => {
      assert.equal(read({ ...SPEC, protocol: written }).protocol, protocol);
      assert.deepEqual(service({ ...SPEC, protocol: written }).findings, []);
    });
  }

  const mended: readonly (readonly [keyof typeof SPEC, unknown])[] = [
    ["protocol", "tls"],
    ["protocol", 2],
    ["connectTimeout", "soon"],
    ["connectTimeout", "0s"],
    ["connectTimeout", "-1s"],
  ];
  for (const [field, value] of mended) {
    it(`takes the default for ${field}: ${JSON.stringify(value)}`, () => {
      const { [field]: _, ...rest } = SPEC;
      assert.deepEqual(read({ ...SPEC, [field]: value }), read(rest));
      assert.deepEqual(
        service({ ...SPEC, [field]: value }).findings.map(({ code, path }) => `${code} ${path}`),
        [`field-invalid spec.${field}`],
      );
    });
  }

  for (const [field, value] of [
    ["host", ""],
    ["host", "a b"],
    ["host", "a:4317"],
    ["host", "*.a"],
    ["port", 0],
    ["port", 65_536],
    ["port", "80"],
  ] as const) {
    it(`refuses the ${field} ${JSON.stringify(value)}`, () => {
      const parsed = service({ ...SPEC, [field]: value });
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map((one) => `${one.code} ${one.path}`),
        [`object-invalid spec.${field}`],
      );
    });
  }
});
