import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TCPRoute } from "./tcp-route.ts";

function route(spec: unknown) {
  const metadata = { name: "api-tcp", namespace: "stock" };
  return TCPRoute.parse({ apiVersion: "specs.smi-spec.io/v1alpha4", kind: "TCPRoute", metadata, spec });
}

describe("TCPRoute.parse", () => {
  it("sorts the ports, each once", () => {
    const parsed = route({ matches: { name: "db", ports: [5432, 80, 5432] } });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.ports, [80, 5432]);
    assert.deepEqual(parsed.findings, []);
  });

  const bad: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["no spec", null, ["spec"]],
    ["no matches", {}, ["spec.matches"]],
    ["no ports", { matches: {} }, ["spec.matches.ports"]],
    ["no port in the list, which would read as any port", { matches: { ports: [] } }, ["spec.matches.ports"]],
    ["a list for matches", { matches: [{ ports: [80] }] }, ["spec.matches"]],
    [
      "ports out of range and of other types",
      { matches: { ports: [0, 65_536, 80, "80", 8.5, null] } },
      [
        "spec.matches.ports[0]",
        "spec.matches.ports[1]",
        "spec.matches.ports[3]",
        "spec.matches.ports[4]",
        "spec.matches.ports[5]",
      ],
    ],
  ];
  for (const [title, spec, expected] of bad) {
    it(`refuses ${title}`, () => {
      const parsed = route(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map(({ code, path }) => `${code} ${path}`),
        expected.map((path) => `object-invalid ${path}`),
      );
    });
  }
});
