/**
 * The golden cases of the whole compiler: Kubernetes objects and the pod to look at in, findings, IR and Envoy's
 * configuration out.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RawObject } from "../simulate/objects.ts";
import { type GoldenCase, goldenCases, readInput } from "./golden.ts";

export interface ObjectsCase {
  readonly golden: GoldenCase;
  /** `namespace/pod`, from the first document: `{ pod: namespace/pod }`. */
  readonly pod: string;
  readonly objects: readonly RawObject[];
}

export function objectsCases(): readonly ObjectsCase[] {
  return goldenCases("objects").map((golden) => {
    const [first, ...objects] = readInput(golden);
    assert.ok(isChoice(first), `${golden.name}: the first document must name the pod, as { pod: namespace/name }`);
    for (const one of objects) assert.ok(isObject(one), `${golden.name}: a document has no kind`);
    return { golden, pod: first.pod, objects: objects.filter(isObject) };
  });
}

function isChoice(value: unknown): value is { readonly pod: string } {
  return typeof value === "object" && value !== null && "pod" in value && typeof value.pod === "string";
}

function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && "kind" in value && typeof value.kind === "string";
}
