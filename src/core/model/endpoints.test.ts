import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EndpointSlice } from "./endpoint-slice.ts";
import { Endpoints } from "./endpoints.ts";

describe("Endpoints.parse", () => {
  it("reads both sorts of addresses", () => {
    const targetRef = { kind: "Pod", namespace: "shop", name: "books-0", uid: "u" };
    const parsed = Endpoints.parse({
      metadata: { name: "books", namespace: "shop" },
      subsets: [
        {
          addresses: [{ ip: "10.1.0.1", hostname: "books-0", targetRef }],
          notReadyAddresses: [{ ip: "10.1.0.2" }],
          ports: [{ port: 80 }, { name: "g", port: 81, protocol: "TCP", appProtocol: "grpc" }],
        },
        { addresses: null, ports: null },
      ],
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.subsets, [
      {
        addresses: [
          { ip: "10.1.0.1", hostname: "books-0", target: { kind: "Pod", namespace: "shop", name: "books-0" } },
        ],
        notReady: [{ ip: "10.1.0.2", hostname: "" }],
        ports: [
          { name: "", port: 80, transport: "TCP" },
          { name: "g", port: 81, transport: "TCP", appProtocol: "grpc" },
        ],
      },
      { addresses: [], notReady: [], ports: [] },
    ]);
  });

  it("reads none as an empty list", () => {
    const parsed = Endpoints.parse({ metadata: { name: "books" }, subsets: null });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.subsets, []);
  });

  it("refuses an address without ip", () => {
    const parsed = Endpoints.parse({ metadata: { name: "books" }, subsets: [{ addresses: [{ hostname: "x" }] }] });
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["object-invalid", "subsets[0].addresses[0].ip"]],
    );
  });
});

describe("EndpointSlice.parse", () => {
  function endpoint(conditions: unknown) {
    const parsed = EndpointSlice.parse({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: "books-x", labels: { "kubernetes.io/service-name": "books" } },
      addressType: "IPv4",
      ports: [{ name: null, port: 80 }, { name: "any" }],
      endpoints: [{ addresses: ["10.1.0.1"], conditions }],
    });
    assert.ok(parsed.ok, JSON.stringify(parsed.findings));
    assert.equal(parsed.value.service, "books");
    assert.deepEqual(parsed.value.ports, [{ name: "", port: 80, transport: "TCP" }]);
    const [first] = parsed.value.endpoints;
    return [first?.ready, first?.serving, first?.terminating];
  }

  const cases: readonly (readonly [unknown, readonly boolean[]])[] = [
    [undefined, [true, true, false]],
    [{ ready: null }, [true, true, false]],
    [{ ready: false }, [false, false, false]],
    [{ ready: false, serving: true, terminating: true }, [false, true, true]],
  ];
  for (const [conditions, expected] of cases) {
    it(`reads conditions ${JSON.stringify(conditions)} as Kubernetes does`, () =>
      assert.deepEqual(endpoint(conditions), expected));
  }

  it("belongs to no Service without the label", () => {
    const parsed = EndpointSlice.parse({ metadata: { name: "x" } });
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.value.service, parsed.value.addressType], ["", "IPv4"]);
  });
});
