import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TrafficTarget } from "./traffic-target.ts";

const SPEC = {
  destination: { kind: "ServiceAccount", name: "api", namespace: "stock" },
  sources: [{ kind: "ServiceAccount", name: "web", namespace: "shop" }],
  rules: [
    { kind: "HTTPRouteGroup", name: "api-routes", matches: ["read"] },
    { kind: "TCPRoute", name: "api-tcp" },
  ],
};

function target(spec: unknown, version = "v1alpha3") {
  const metadata = { name: "web-to-api", namespace: "stock" };
  return TrafficTarget.parse({ apiVersion: `access.smi-spec.io/${version}`, kind: "TrafficTarget", metadata, spec });
}

function marks(spec: unknown): readonly string[] {
  return target(spec).findings.map(({ code, path }) => `${code} ${path}`);
}

describe("TrafficTarget.parse", () => {
  it("reads OSM's own sample", () => {
    const parsed = target(SPEC);
    assert.ok(parsed.ok);
    const { destination, sources, rules } = parsed.value;
    assert.deepEqual({ destination, sources, rules }, SPEC);
    assert.deepEqual(parsed.findings, []);
  });

  it("tells matches that were left out from an empty list", () => {
    const parsed = target({
      ...SPEC,
      rules: [
        { kind: "A", name: "a", matches: null },
        { kind: "A", name: "b", matches: [] },
      ],
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.rules, [
      { kind: "A", name: "a" },
      { kind: "A", name: "b", matches: [] },
    ]);
  });

  // Otherwise the last accepted version would go on granting what the operator took away.
  it("reads left out sources and rules as none", () => {
    const parsed = target({ destination: SPEC.destination });
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.value.sources, parsed.value.rules], [[], []]);
  });

  it("keeps an absent namespace of an identity empty", () => {
    const parsed = target({ ...SPEC, destination: { kind: "ServiceAccount", name: "api" } });
    assert.ok(parsed.ok);
    assert.equal(parsed.value.destination.namespace, "");
  });

  it("leaves kinds that it does not know to the policy stage", () => {
    assert.ok(target({ ...SPEC, rules: [{ kind: "UDPRoute", name: "dns" }] }).ok);
  });

  const bad: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["no spec", undefined, ["object-invalid spec"]],
    ["a list for a spec", [], ["object-invalid spec"]],
    ["no destination", { rules: [] }, ["object-invalid spec.destination"]],
    [
      "an empty name",
      { ...SPEC, destination: { kind: "ServiceAccount", name: "" } },
      ["object-invalid spec.destination.name"],
    ],
    ["a source without kind", { ...SPEC, sources: [{ name: "web" }] }, ["object-invalid spec.sources[0].kind"]],
    ["sources that are no list", { ...SPEC, sources: {} }, ["object-invalid spec.sources"]],
    ["a rule that is a text", { ...SPEC, rules: ["x"] }, ["object-invalid spec.rules[0]"]],
    [
      "a rule's name as a number",
      { ...SPEC, rules: [{ kind: "TCPRoute", name: 7 }] },
      ["object-invalid spec.rules[0].name"],
    ],
    [
      "an empty match",
      { ...SPEC, rules: [{ kind: "A", name: "a", matches: [""] }] },
      ["object-invalid spec.rules[0].matches[0]"],
    ],
    [
      "matches as a text",
      { ...SPEC, rules: [{ kind: "A", name: "a", matches: "read" }] },
      ["object-invalid spec.rules[0].matches"],
    ],
  ];
  for (const [title, spec, expected] of bad) {
    it(`refuses ${title}`, () => {
      assert.equal(target(spec).ok, false);
      assert.deepEqual(marks(spec), expected);
    });
  }

  it("reports every mistake at once, misspelt fields included", () => {
    const spec = {
      destination: { name: 1, kind: "x" },
      sources: [{}, 3],
      ruls: [],
      rules: [{ kind: "A", name: "a", match: [] }],
    };
    assert.deepEqual(marks(spec), [
      "object-invalid spec.destination.name",
      "field-unknown spec.rules[0].match",
      "field-unknown spec.ruls",
      "object-invalid spec.sources[0].kind",
      "object-invalid spec.sources[0].name",
      "object-invalid spec.sources[1]",
    ]);
  });

  it("accepts an object with a misspelt field, and says so", () => {
    const spec = { ...SPEC, port: 80, constructor: 1 };
    assert.ok(target(spec).ok);
    assert.deepEqual(marks(spec), ["field-unknown spec.constructor", "field-unknown spec.port"]);
  });

  it("names the value and what was expected", () => {
    const [first] = target({ ...SPEC, rules: [{ kind: "TCPRoute", name: 7 }] }).findings;
    assert.equal(first?.message, "must be a text (put it in quotes), but is 7");
    assert.deepEqual(first?.about, { kind: "TrafficTarget", namespace: "stock", name: "web-to-api" });
  });

  for (const version of ["v1alpha1", "v1alpha2", "v1"]) {
    it(`names the served version when ${version} is written`, () => {
      const [first, ...more] = target(SPEC, version).findings;
      assert.deepEqual([first?.code, first?.path, more.length], ["version-unserved", "apiVersion", 0]);
      assert.match(first?.message ?? "", /access\.smi-spec\.io\/v1alpha3/);
    });
  }
});
