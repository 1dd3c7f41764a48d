/**
 * Reads the manifests that are under test.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
}

/** @throws Error for a document that is no object with a kind and a name. */
export function objectsIn(path: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, "utf8"), { version: "1.1" }).flatMap((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    const value: unknown = document.toJS();
    if (value === null) return [];
    if (isObject(value)) return [value];
    throw new Error(`${path} holds a document that is no object: ${JSON.stringify(value).slice(0, 80)}`);
  });
}

/** The one object of that kind and name. @throws Error if there is none, or more. */
export function oneOf(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const [found, ...more] = objects.filter((one) => one.kind === kind && one.metadata.name === name);
  if (found !== undefined && more.length === 0) return found;
  throw new Error(`${kind} ${name}: there is not exactly one`);
}

/** What operators write: the samples of the specification, and the demo with all of its switches. */
export function validObjects(): KubernetesObject[] {
  const demo = join(DEPLOY, "demo");
  const files = [demo, join(demo, "switches")].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => join(folder, name)),
  );
  return [join(import.meta.dirname, "samples.yaml"), ...files].flatMap(objectsIn);
}

function isObject(value: unknown): value is KubernetesObject {
  if (typeof value !== "object" || value === null || !("kind" in value && "metadata" in value)) return false;
  const { metadata } = value;
  return typeof metadata === "object" && metadata !== null && "name" in metadata;
}
