import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TrafficSplit } from "./traffic-split.ts";

const BACKENDS = [
  { service: "api-v1", weight: 90 },
  { service: "api-v2", weight: 10 },
];

function split(spec: unknown, version = "v1alpha2") {
  const metadata = { name: "api-canary", namespace: "stock" };
  return TrafficSplit.parse({ apiVersion: `split.smi-spec.io/${version}`, kind: "TrafficSplit", metadata, spec });
}

describe("TrafficSplit.parse", () => {
  for (const service of ["api", "api.stock", "api.stock.svc.cluster.local", "api.stock:14001"]) {
    it(`keeps the root as written: ${service}`, () => {
      const parsed = split({ service, backends: BACKENDS });
      assert.ok(parsed.ok);
      assert.deepEqual([parsed.value.service, parsed.value.backends], [service, BACKENDS]);
    });
  }

  for (const backends of [[], [{ service: "a", weight: 0 }]]) {
    it(`accepts ${JSON.stringify(backends)}: the graph says what comes of it`, () => {
      assert.ok(split({ service: "api", backends }).ok);
    });
  }

  const weights: readonly unknown[] = [-1, 0.5, "50", "500m", null, Number.NaN, 2 ** 60];
  for (const weight of weights) {
    it(`refuses the weight ${JSON.stringify(weight)}`, () => {
      const parsed = split({ service: "api", backends: [{ service: "a", weight }] });
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ code, path }) => [code, path]),
        [["object-invalid", "spec.backends[0].weight"]],
      );
    });
  }

  const bad: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["no service", { backends: BACKENDS }, ["spec.service"]],
    ["an empty service", { service: "", backends: BACKENDS }, ["spec.service"]],
    ["no backends", { service: "api" }, ["spec.backends"]],
    [
      "a backend without weight and one without name",
      { service: "api", backends: [{ service: "a" }, { weight: 1 }] },
      ["spec.backends[0].weight", "spec.backends[1].service"],
    ],
    [
      "weights that Envoy cannot add up",
      {
        service: "api",
        backends: [
          { service: "a", weight: 2 ** 32 - 1 },
          { service: "b", weight: 1 },
        ],
      },
      ["spec.backends"],
    ],
  ];
  for (const [title, spec, expected] of bad) {
    it(`refuses ${title}`, () => {
      const parsed = split(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ code, path }) => `${code} ${path}`),
        expected.map((path) => `object-invalid ${path}`),
      );
    });
  }

  it("warns of matches, which later versions of the kind have", () => {
    const parsed = split({ service: "api", backends: BACKENDS, matches: [{ kind: "HTTPRouteGroup", name: "x" }] });
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["field-unknown", "spec.matches"]],
    );
  });

  for (const version of ["v1alpha3", "v1alpha4"]) {
    it(`names the served version when ${version} is written`, () => {
      const parsed = split({ service: "api", backends: BACKENDS }, version);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ code, message }) => [code, message]),
        [
          [
            "version-unserved",
            `"split.smi-spec.io/${version}" is not served; write the object as split.smi-spec.io/v1alpha2`,
          ],
        ],
      );
    });
  }
});
