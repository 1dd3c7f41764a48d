import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Telemetry } from "./telemetry.ts";

const COLLECTOR = { extensionService: { namespace: "shop", name: "collector" }, attributes: { team: "shop" } };
const FORMAT = '{"m":"%REQ(:METHOD)%","code":"%RESPONSE_CODE%"}';

function telemetry(spec: unknown) {
  const metadata = { name: "logs", namespace: "shop" };
  return Telemetry.parse({ apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "Telemetry", metadata, spec });
}

function accepted(spec: unknown): Telemetry {
  const parsed = telemetry(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

function marks(spec: unknown): readonly string[] {
  return telemetry(spec).findings.map(({ code, path }) => `${code} ${path}`);
}

describe("Telemetry.parse", () => {
  it("reads OSM's own sample", () => {
    const spec = { selector: { app: "web" }, accessLog: { format: FORMAT, openTelemetry: COLLECTOR } };
    const { selector, accessLog } = accepted(spec);
    assert.deepEqual(selector, { app: "web" });
    assert.deepEqual(accessLog, {
      format: { kind: "json", fields: { m: "%REQ(:METHOD)%", code: "%RESPONSE_CODE%" } },
      openTelemetry: COLLECTOR,
    });
    assert.deepEqual(marks(spec), []);
  });

  for (const spec of [undefined, null, {}, { selector: null, accessLog: null }]) {
    it(`reads ${JSON.stringify(spec)} as nothing said, for all pods`, () => {
      const { selector, accessLog } = accepted(spec);
      assert.deepEqual([selector, accessLog], [{}, undefined]);
    });
  }

  for (const [format, expected] of [
    ["%PROTOCOL% 100%%", { kind: "text", text: "%PROTOCOL% 100%%" }],
    ["[1]", { kind: "text", text: "[1]" }],
    ['{"a":', { kind: "text", text: '{"a":' }],
    ['{"a":{"b":[1,true,null,"%PROTOCOL%"]}}', { kind: "json", fields: { a: { b: [1, true, null, "%PROTOCOL%"] } } }],
    ["", undefined],
  ] as const) {
    it(`reads the format ${format}`, () =>
      assert.deepEqual(accepted({ accessLog: { format } }).accessLog?.format, expected));
  }

  // Each would have Envoy refuse all of the proxy's listeners.
  const deep = `${'{"a":'.repeat(20)}1${"}".repeat(20)}`;
  for (const format of [
    "100%",
    "%NOPE%",
    '{"a":"%REQ%"}',
    '{"a":{"b":["%x"]}}',
    '{"a":"\\ud800"}',
    '{"\\ud800":1}',
    deep,
    3,
  ]) {
    it(`takes the default format for ${JSON.stringify(format)}, and the rest as written`, () => {
      const spec = { accessLog: { format, openTelemetry: COLLECTOR } };
      assert.deepEqual(accepted(spec).accessLog, { openTelemetry: COLLECTOR });
      assert.deepEqual(marks(spec), ["field-invalid spec.accessLog.format"]);
    });
  }

  for (const [openTelemetry, path] of [
    [{}, ".extensionService"],
    [{ extensionService: { name: "a" } }, ".extensionService.namespace"],
    [{ extensionService: { name: "", namespace: "b" } }, ".extensionService.name"],
    ["otel", ""],
  ] as const) {
    it(`leaves out the collector ${JSON.stringify(openTelemetry)}`, () => {
      const spec = { accessLog: { format: "a", openTelemetry } };
      assert.deepEqual(accepted(spec).accessLog, { format: { kind: "text", text: "a" } });
      assert.deepEqual(marks(spec), [`field-invalid spec.accessLog.openTelemetry${path}`]);
    });
  }

  it("leaves out bad attributes", () => {
    const openTelemetry = { ...COLLECTOR, attributes: { team: "shop", cost: 3, wrong: "%NOPE%" } };
    assert.deepEqual(accepted({ accessLog: { openTelemetry } }).accessLog?.openTelemetry, COLLECTOR);
  });

  for (const selector of [{ app: 3 }, { app: "web", tier: {} }, "app=web", ["app"]]) {
    it(`refuses the selector ${JSON.stringify(selector)}: with less of it, it would be for more pods`, () => {
      assert.equal(telemetry({ selector }).ok, false);
    });
  }
});
