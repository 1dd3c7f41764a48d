/**
 * Cases of validation: an object in, what the webhook says of it out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { parse } from "yaml";
import { MeshRootCertificate } from "../../src/core/model/mesh-root-certificate.ts";
import type { AdmissionObservation } from "../../src/http/admission/observation.ts";
import { validateRoutes } from "../../src/http/admission/validate.ts";

export interface ValidationCase {
  readonly what: string;
  /** YAML of the object; its kind and group are the request's too. */
  readonly object: string;
  readonly request?: object;
  readonly settings?: { readonly validateTrafficTarget: boolean };
  /** Roots that there are already. */
  readonly roots?: readonly unknown[];
  /** Of the refusal; left out: accepted. */
  readonly refused?: RegExp;
  /** One for each, in their order. */
  readonly warnings?: readonly RegExp[];
}

/** A TrafficTarget that nothing is wrong with. */
export const TARGET = `
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: { name: t, namespace: shop }
spec:
  destination: { kind: ServiceAccount, name: api, namespace: shop }
  sources: [{ kind: ServiceAccount, name: web, namespace: shop }]
  rules: [{ kind: HTTPRouteGroup, name: routes, matches: [all] }]
`;

/** One test for each case. */
export function itJudges(cases: readonly ValidationCase[]): void {
  for (const one of cases) {
    const { what, refused, warnings = [] } = one;
    it(`${refused === undefined ? "accepts" : "refuses"} ${what}`, async () => {
      const { response, seen } = await judge(one);
      assert.equal(response.uid, "the-uid");
      assert.equal(response.allowed, refused === undefined, response.status?.message);
      assert.match(response.status?.message ?? "", refused ?? /^$/);
      const told: readonly string[] = response.warnings ?? [];
      assert.equal(told.length, warnings.length, told.join("\n"));
      for (const [i, warning] of warnings.entries()) assert.match(told[i] ?? "", warning);
      assert.equal(seen[0]?.outcome, refused === undefined ? "allowed" : "refused");
    });
  }
}

function toRoot(raw: unknown): MeshRootCertificate {
  const parsed = MeshRootCertificate.parse(raw);
  assert.ok(parsed.ok);
  return parsed.value;
}

/** Asks the webhook. @returns Its answer, and what was counted. */
export async function judge({
  object: yaml,
  request = {},
  settings = { validateTrafficTarget: true },
  roots = [],
}: Omit<ValidationCase, "what">) {
  const seen: AdmissionObservation[] = [];
  const app = validateRoutes({
    settings: () => ({
      meshName: "osm",
      meshNamespace: "osm-system",
      trustDomain: "cluster.local",
      ...settings,
      roots: roots.map(toRoot),
    }),
    observe: (one) => seen.push(one),
  });
  const object = parse(yaml);
  const [group, version] = object.apiVersion.split("/");
  const body = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "the-uid",
      kind: { group, version, kind: object.kind },
      namespace: "shop",
      operation: "CREATE",
      object,
      ...request,
    },
  };
  const answer = await app.request("/validate?timeout=10s", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { response } = await answer.json();
  return { response, seen };
}
