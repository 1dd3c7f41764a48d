import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse, stringify } from "yaml";
import {
  CASES_FOLDER,
  injectionCases,
  meshConfig,
  patched,
  SETTINGS,
  UUID,
} from "../../../test/support/injection-cases.ts";
import { injectSidecar } from "./patch.ts";

const OUT = ".out.yaml";
const cases = injectionCases();

describe("injectSidecar", () => {
  it("has a case for every result that is kept, and there are some", () => {
    const kept = readdirSync(CASES_FOLDER).filter((file) => file.endsWith(OUT));
    assert.ok(cases.length > 10);
    assert.deepEqual(kept.sort(), cases.map(({ name }) => name + OUT).sort());
  });

  for (const { name, request } of cases) {
    it(name, () => {
      const outcome = injectSidecar(request);
      const shown =
        outcome.kind === "inject"
          ? { ...outcome, patch: undefined, pod: patched(request.pod, outcome.patch) }
          : outcome;
      const plain = JSON.parse(JSON.stringify(shown));
      const file = join(CASES_FOLDER, name + OUT);
      if (process.env["GOLDEN"] === "write") writeFileSync(file, stringify(plain, { lineWidth: 0 }));
      assert.deepEqual(plain, parse(readFileSync(file, "utf8")));
    });
  }

  for (const { name, request } of cases) {
    it(`${name}: touches nothing that it was given, and gives the same again`, () => {
      const before = structuredClone(request.pod);
      assert.deepEqual(injectSidecar(request), injectSidecar(request));
      assert.deepEqual(request.pod, before);
    });

    const first = injectSidecar(request);
    if (first.kind !== "inject") continue;
    it(`${name}: a second injection only gives the pod another identity`, () => {
      const pod = patched(request.pod, first.patch);
      const uuid = "00000000-0000-4000-8000-000000000000";
      const second = injectSidecar({ ...request, pod, uuid });
      assert.equal(second.kind, "inject");
      if (second.kind !== "inject") return;
      assert.deepEqual(second.start, first.start, "its proxy answers the same probes");
      assert.equal(JSON.stringify(patched(pod, second.patch)), JSON.stringify(pod).replaceAll(UUID, uuid));
    });
  }

  it("changes one place for each thing that it changes", () => {
    const pod = {
      metadata: { name: "web", labels: { a: "b" }, annotations: {} },
      spec: { volumes: [], initContainers: [], containers: [{ name: "web", image: "web:1" }] },
    };
    const namespace = {
      name: "shop",
      labels: { "openservicemesh.io/monitored-by": "osm" },
      annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
    };
    const outcome = injectSidecar({ pod, namespace, mesh: meshConfig({}), settings: SETTINGS, uuid: UUID });
    assert.deepEqual(outcome.kind === "inject" ? outcome.patch.map(({ op, path }) => `${op} ${path}`) : outcome, [
      "add /metadata/annotations/openservicemesh.io~1injected-settings",
      "add /metadata/labels/osm-proxy-uuid",
      "add /spec/volumes/-",
      "add /spec/initContainers/0",
      "add /spec/initContainers/1",
    ]);
  });
});
