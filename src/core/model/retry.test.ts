import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Retry } from "./retry.ts";

const API = { kind: "Service", name: "api", namespace: "stock" };
const POLICY = { retryOn: "5xx", perTryTimeout: "1s", numRetries: 3, retryBackoffBaseInterval: "500ms" };
const SPEC = {
  source: { kind: "ServiceAccount", name: "web", namespace: "shop" },
  destinations: [API],
  retryPolicy: POLICY,
};

function retry(spec: unknown) {
  const metadata = { name: "web-retry", namespace: "shop" };
  return Retry.parse({ apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "Retry", metadata, spec });
}

function accepted(spec: unknown): Retry {
  const parsed = retry(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

function policy(change: object) {
  const spec = { ...SPEC, retryPolicy: { ...POLICY, ...change } };
  const marks = retry(spec).findings.map(({ code, path }) => `${code} ${path}`);
  return { policy: accepted(spec).retryPolicy, marks };
}

describe("Retry.parse", () => {
  it("reads OSM's own sample", () => {
    const { source, destinations, retryPolicy } = accepted(SPEC);
    assert.deepEqual(
      [source, destinations],
      [{ namespace: "shop", name: "web" }, [{ namespace: "stock", name: "api" }]],
    );
    assert.deepEqual(retryPolicy, {
      retryOn: ["5xx"],
      perTryTimeout: 1000,
      numRetries: 3,
      retryBackoffBaseInterval: 500,
    });
    assert.deepEqual(retry(SPEC).findings, []);
  });

  it("has Envoy's defaults for what is left out", () => {
    const left = accepted({ ...SPEC, retryPolicy: { retryOn: "5xx" } }).retryPolicy;
    assert.deepEqual(left, { retryOn: ["5xx"], numRetries: 1, retryBackoffBaseInterval: 25 });
  });

  it("knows no retries from a number that was left out, and no limit of a try from one of nothing", () => {
    assert.equal(policy({ numRetries: 0 }).policy.numRetries, 0);
    assert.deepEqual(
      [policy({ perTryTimeout: "0s" }).policy.perTryTimeout, policy({ perTryTimeout: "0s" }).marks],
      [undefined, []],
    );
  });

  it("reads a list of conditions as Envoy does, of HTTP and of gRPC", () => {
    const { policy: read, marks } = policy({ retryOn: " 5xx, connect-failure,,unavailable,5xx" });
    assert.deepEqual([read.retryOn, marks], [["5xx", "connect-failure", "unavailable"], []]);
  });

  const mended: readonly (readonly [string, object, object])[] = [
    ["retryOn", { retryOn: "5xx,4xx" }, {}],
    ["retryOn", { retryOn: "" }, { retryOn: [] }],
    ["retryOn", { retryOn: "always" }, { retryOn: [] }],
    ["perTryTimeout", { perTryTimeout: "soon" }, { perTryTimeout: undefined }],
    ["perTryTimeout", { perTryTimeout: "-1s" }, { perTryTimeout: undefined }],
    ["perTryTimeout", { perTryTimeout: 3 }, { perTryTimeout: undefined }],
    ["perTryTimeout", { perTryTimeout: "9999999999h" }, { perTryTimeout: undefined }],
    ["numRetries", { numRetries: -1 }, { numRetries: 1 }],
    ["numRetries", { numRetries: 1.5 }, { numRetries: 1 }],
    ["numRetries", { numRetries: 2 ** 32 }, { numRetries: 1 }],
    ["retryBackoffBaseInterval", { retryBackoffBaseInterval: "0s" }, { retryBackoffBaseInterval: 25 }],
    ["retryBackoffBaseInterval", { retryBackoffBaseInterval: "10us" }, { retryBackoffBaseInterval: 25 }],
  ];
  for (const [field, change, expected] of mended) {
    it(`mends ${JSON.stringify(change)}`, () => {
      const { policy: read, marks } = policy(change);
      const { perTryTimeout, ...rest } = { ...policy({}).policy, ...expected } as { perTryTimeout?: number };
      assert.deepEqual(read, { ...rest, ...(perTryTimeout === undefined ? {} : { perTryTimeout }) });
      assert.deepEqual(marks, [`field-invalid spec.retryPolicy.${field}`]);
    });
  }

  for (const other of [
    { ...API, kind: "ServiceAccount" },
    { ...API, name: "*" },
    { ...API, namespace: "" },
    {},
    "api",
  ]) {
    it(`leaves out the destination ${JSON.stringify(other)}`, () => {
      const spec = { ...SPEC, destinations: [other, API] };
      assert.deepEqual(accepted(spec), accepted(SPEC));
      assert.ok(
        retry(spec).findings.every(
          ({ code, path }) => code === "field-invalid" && path.startsWith("spec.destinations[0]"),
        ),
      );
    });
  }

  const refused: readonly (readonly [string, unknown, string])[] = [
    ["no spec", undefined, "spec"],
    ["no source", { ...SPEC, source: undefined }, "spec.source"],
    ["a source that is no account", { ...SPEC, source: { ...SPEC.source, kind: "Service" } }, "spec.source.kind"],
    ["a source of any name", { ...SPEC, source: { ...SPEC.source, name: "*" } }, "spec.source.name"],
    ["no destinations", { ...SPEC, destinations: undefined }, "spec.destinations"],
    ["no policy", { ...SPEC, retryPolicy: undefined }, "spec.retryPolicy"],
    ["a policy for no case", { ...SPEC, retryPolicy: { numRetries: 1 } }, "spec.retryPolicy.retryOn"],
  ];
  for (const [title, spec, path] of refused) {
    it(`refuses ${title}`, () => {
      const parsed = retry(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map((one) => `${one.code} ${one.path}`),
        [`object-invalid ${path}`],
      );
    });
  }
});
