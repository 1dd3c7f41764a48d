/**
 * The golden cases of the last stage alone: an IR in, Envoy's configuration out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { deepFreeze } from "../../src/core/base/memo.ts";
import type { ProxyIr } from "../../src/core/ir/proxy.ts";
import { type GoldenCase, goldenCases, readInput } from "./golden.ts";

export function renderCases(): readonly GoldenCase[] {
  return goldenCases("render");
}

/** A fresh value each time, frozen as the compiler's are. */
export function readIr(golden: GoldenCase): ProxyIr {
  const [ir, ...others] = readInput(golden);
  assert.equal(others.length, 0, `${golden.name} holds more than one document`);
  assert.ok(isIr(ir), `${golden.name} is no IR`);
  return deepFreeze(ir);
}

/** Enough to tell a slip from an IR; the field rules and Envoy look at what comes of the rest. */
function isIr(value: unknown): value is ProxyIr {
  const lists = ["routeTables", "upstreams", "endpointSets", "trustedPeers"];
  if (typeof value !== "object" || value === null || !("serviceAccount" in value) || !("tls" in value)) return false;
  return lists.every((name) => Array.isArray(Object.entries(value).find(([key]) => key === name)?.[1]));
}
