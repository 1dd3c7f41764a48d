import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildConfig } from "../../src/core/envoy/config.ts";
import { checkConsistent } from "../../src/core/envoy/consistency.ts";
import { encodeConfig } from "../../src/core/envoy/encode.ts";
import { configViolations } from "./config-violations.ts";
import { configJson } from "./envoy-messages.ts";
import { checkStages } from "./golden.ts";
import { readIr, renderCases } from "./render-case.ts";

const TRUST = Object.freeze({ pem: "the roots of the mesh\n" });

describe("rendering", () => {
  for (const golden of renderCases()) {
    it(golden.name, () => {
      const ir = readIr(golden);
      const config = buildConfig(ir, TRUST);
      checkStages(golden, configJson(config));
      checkConsistent(config);
      assert.deepEqual(configViolations(config), []);
      // Equal values make equal bytes, or every restart would be a push to every proxy.
      assert.deepEqual(encodeConfig(readIr(golden), { ...TRUST }), encodeConfig(ir, TRUST));
    });
  }
});
