import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Service } from "./service.ts";

function service(spec: unknown, name = "books") {
  return Service.parse({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec });
}

function accepted(spec: unknown) {
  const parsed = service(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

describe("Service.parse", () => {
  it("fills in what Kubernetes does", () => {
    const { selector, clusterIps, headless, externalName, ports } = accepted({ ports: [{ port: 80 }] });
    assert.deepEqual([selector, clusterIps, headless, externalName], [{}, [], false, undefined]);
    assert.deepEqual(ports, [{ name: "", port: 80, transport: "TCP", targetPort: 80 }]);
  });

  it("reads a port in full", () => {
    const port = { name: "web", port: 80, protocol: "UDP", targetPort: "http", appProtocol: "gRPC", nodePort: 30_000 };
    assert.deepEqual(accepted({ ports: [port] }).ports, [
      { name: "web", port: 80, transport: "UDP", targetPort: "http", appProtocol: "gRPC" },
    ]);
  });

  const targets: readonly (readonly [unknown, number | string])[] = [
    [undefined, 80],
    [null, 80],
    [0, 80],
    ["", 80],
    [8080, 8080],
    ["8080", 8080],
    ["web", "web"],
  ];
  for (const [written, expected] of targets) {
    it(`leads to ${expected} for targetPort ${JSON.stringify(written)}`, () => {
      assert.equal(accepted({ ports: [{ port: 80, targetPort: written }] }).ports[0]?.targetPort, expected);
    });
  }

  const addresses: readonly (readonly [unknown, readonly string[], boolean])[] = [
    [{ clusterIP: "10.0.0.1" }, ["10.0.0.1"], false],
    [{ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "fd00::1"] }, ["10.0.0.1", "fd00::1"], false],
    [{ clusterIP: "None" }, [], true],
    [{ clusterIP: "None", clusterIPs: ["None"] }, [], true],
    [{ clusterIP: "", clusterIPs: null }, [], false],
  ];
  for (const [spec, ips, headless] of addresses) {
    it(`has addresses ${JSON.stringify(ips)} for ${JSON.stringify(spec)}`, () => {
      const read = accepted(spec);
      assert.deepEqual([read.clusterIps, read.headless], [ips, headless]);
    });
  }

  it("names an external host only if it is of that type", () => {
    assert.equal(accepted({ type: "ExternalName", externalName: "db.example.com" }).externalName, "db.example.com");
    assert.equal(accepted({ externalName: "db.example.com" }).externalName, undefined);
  });

  it("survives null lists and no spec", () => {
    assert.deepEqual(accepted({ selector: null, ports: null }).ports, []);
    assert.deepEqual(accepted(null).ports, []);
  });

  it("has selector keys that look like an object's own machinery as plain keys", () => {
    const { selector } = accepted(JSON.parse('{"selector": {"__proto__": "a", "constructor": "b", "toString": "c"}}'));
    assert.deepEqual(Object.entries(selector), [
      ["__proto__", "a"],
      ["constructor", "b"],
      ["toString", "c"],
    ]);
    assert.equal(Object.getPrototypeOf(selector), Object.prototype);
  });

  const bad: readonly (readonly [string, unknown, string])[] = [
    ["a port of 0", { ports: [{ port: 0 }] }, "spec.ports[0].port"],
    ["a port in quotes", { ports: [{ port: "80" }] }, "spec.ports[0].port"],
    ["a port without number", { ports: [{ name: "x" }] }, "spec.ports[0].port"],
    ["another transport", { ports: [{ port: 1, protocol: "tcp" }] }, "spec.ports[0].protocol"],
    ["a target port out of range", { ports: [{ port: 1, targetPort: 65_536 }] }, "spec.ports[0].targetPort"],
    ["a target port in quotes out of range", { ports: [{ port: 1, targetPort: "70000" }] }, "spec.ports[0].targetPort"],
    [
      "a selector value that is no text",
      { selector: { "app.kubernetes.io/version": 2 } },
      'spec.selector["app.kubernetes.io/version"]',
    ],
  ];
  for (const [title, spec, path] of bad) {
    it(`refuses ${title}`, () => {
      const parsed = service(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ code, path: where }) => [code, where]),
        [["object-invalid", path]],
      );
    });
  }

  for (const name of ["", "a.b", "Books", "-a", "a".repeat(64), 7]) {
    it(`refuses the name ${JSON.stringify(name)}`, () => {
      const parsed = Service.parse({ metadata: { name }, spec: {} });
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ path }) => path),
        ["metadata.name"],
      );
    });
  }
});
