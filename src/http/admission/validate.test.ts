import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { itJudges, judge, TARGET, type ValidationCase } from "../../../test/support/validation-cases.ts";

const CASES: readonly ValidationCase[] = [
  {
    what: "a misspelt field",
    object: TARGET.replace("sources:", "sorces: []\n  sources:"),
    warnings: [/^warning field-unknown TrafficTarget shop\/t spec\.sorces/],
  },
  {
    what: "the namespace of the request, if the object names none",
    object: TARGET.replace(", namespace: shop }\nspec", " }\nspec"),
    request: { namespace: "elsewhere" },
    refused: /TrafficTarget elsewhere\/t .* the TrafficTarget in elsewhere/,
  },
  {
    what: "a name that is yet to be made",
    object: TARGET.replace("{ name: t,", "{ generateName: t-,"),
  },
  {
    what: "an object without a spec",
    object: "{ apiVersion: split.smi-spec.io/v1alpha2, kind: TrafficSplit, metadata: { name: s } }",
    refused: /object-invalid TrafficSplit shop\/s/,
  },
  {
    what: "a kind that there are no rules for",
    object: "{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: i }, spec: {} }",
    refused: /^unknown gvk: networking\.k8s\.io\/v1, Kind=Ingress/,
  },
  {
    what: "the removal of whatever it is",
    object: "{ apiVersion: access.smi-spec.io/v1alpha3, kind: TrafficTarget }",
    request: { operation: "DELETE", object: null },
  },
  {
    what: "a status alone",
    object: "{ apiVersion: access.smi-spec.io/v1alpha3, kind: TrafficTarget }",
    request: { operation: "UPDATE", subResource: "status" },
  },
];

describe("the validating webhook", () => {
  itJudges(CASES);

  it("tells of kinds by names of ours alone", async () => {
    const { seen } = await judge({
      object: "{ apiVersion: evil.io/v1, kind: Metric123, metadata: { name: i } }",
    });
    assert.equal(seen[0]?.kind, "unknown");
  });

  it("writes warnings that an API server can pass on", async () => {
    const fields = Array.from({ length: 40 }, (_, i) => `  "field\\n${i}${"x".repeat(400)}": 1\n`).join("");
    const { response } = await judge({ object: TARGET + fields });
    assert.equal(response.warnings.length, 17);
    assert.equal(response.warnings[16], "and 24 more");
    for (const warning of response.warnings) {
      assert.ok(warning.length <= 240, `${warning.length}`);
      assert.doesNotMatch(warning, /\p{Cc}/u);
    }
  });
});
