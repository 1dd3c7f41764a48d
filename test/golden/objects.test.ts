import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findingText } from "../../src/core/base/finding.ts";
import { keyOf } from "../../src/core/base/ref.ts";
import { checkConsistent } from "../../src/core/envoy/consistency.ts";
import { encodeMessages } from "../../src/core/envoy/encode.ts";
import { compileObjects } from "../simulate/compiled.ts";
import type { RawObject } from "../simulate/objects.ts";
import { configViolations } from "./config-violations.ts";
import { configJson } from "./envoy-messages.ts";
import { checkStages } from "./golden.ts";
import { objectsCases } from "./objects-case.ts";

describe("objects to Envoy", () => {
  for (const { golden, pod, objects } of objectsCases()) {
    it(golden.name, () => {
      const { findings, ir, config } = compileFor(pod, objects);
      checkStages(golden, { findings: findings.map(findingText), ir, ...configJson(config) });
      checkConsistent(config);
      assert.deepEqual(configViolations(config), []);
      // Same objects, other order: same bytes. Otherwise every resync would be a push to every proxy.
      assert.deepEqual(encodeMessages(compileFor(pod, [...objects].reverse()).config), encodeMessages(config));
    });
  }
});

function compileFor(name: string, objects: readonly RawObject[]) {
  const { mesh, configs, findings } = compileObjects(objects);
  const proxy = [...mesh.proxies.values()].find(({ pod }) => keyOf(pod.meta) === name);
  const config = configs.get(name);
  assert.ok(proxy && config, `${name} is no proxy of the mesh: it has [${[...configs.keys()].join(", ")}]`);
  return { findings, ir: proxy.ir, config };
}
