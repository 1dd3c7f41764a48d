/**
 * What the fake API server says, as the real one spells it.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import jsonPatch, { type Operation } from "fast-json-patch";

const { applyPatch } = jsonPatch;

export interface FakeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly unknown[];
  };
  readonly [field: string]: unknown;
}

/** Thrown while a request is handled; answered as a `Status`. */
export class Refused extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message = reason) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

export function refuse(response: ServerResponse, code: number, reason: string, message = reason): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(status(code, reason, message)));
}

export function status(code: number, reason: string, message: string): unknown {
  return { kind: "Status", status: "Failure", code, reason, message };
}

export function keyOf({ metadata: { namespace = "", name } }: FakeObject): string {
  return `${namespace}/${name}`;
}

/** By the namespace in the path, and a label selector: `a`, `a=b` or `a in (b,c)`. */
export function matches(url: URL, { metadata }: FakeObject): boolean {
  const namespace = /\/namespaces\/([^/]+)\//.exec(url.pathname)?.[1];
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  const selector = url.searchParams.get("labelSelector");
  if (selector === null) return true;
  const [, label = "", equal, several] = /^([^\s=]+)(?:=(.*)| in \((.*)\))?$/.exec(selector) ?? [];
  const value = metadata.labels?.[label];
  const wanted = equal === undefined ? several?.split(",") : [equal];
  return value !== undefined && (wanted === undefined || wanted.includes(value));
}

/** The object that `patch` makes of `before`. */
export function patched(before: FakeObject, patch: unknown, contentType: string): FakeObject {
  if (Array.isArray(patch)) {
    try {
      return applyPatch(before, patch as Operation[], true, false).newDocument;
    } catch (cause) {
      throw new Refused(422, "Invalid", `the server rejected our request: ${String(cause)}`);
    }
  }
  if (!contentType.startsWith("application/merge-patch")) throw new Refused(415, "UnsupportedMediaType", contentType);
  return merge(before, patch) as FakeObject;
}

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const base = isFields(target) ? target : {};
  const merged = Object.entries(patch).map(([key, value]) => [key, merge(base[key], value)]);
  return Object.fromEntries([...Object.entries(base), ...merged].filter(([, value]) => value !== null));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns undefined for a path that is not one of discovery's. */
export function discoveryOf(collections: readonly string[], path: string): unknown {
  if (path === "/apis") return groupsOf(collections);
  const isVersion = path.split("/").length === (path.startsWith("/apis/") ? 4 : 3);
  const resources = collections.filter((one) => isVersion && one.startsWith(`${path}/`));
  if (resources.length === 0) return undefined;
  return { resources: resources.map((one) => ({ name: one.slice(path.length + 1) })) };
}

function groupsOf(collections: readonly string[]): unknown {
  const served = collections.flatMap((one) => {
    const [, root, group, version] = one.split("/");
    return root === "apis" ? [{ group, version }] : [];
  });
  const names = [...new Set(["apps", ...served.map(({ group }) => group)])];
  const versionsOf = (name: string | undefined) => served.filter(({ group }) => group === name);
  return { groups: names.map((name) => ({ name, versions: versionsOf(name).map(({ version }) => ({ version })) })) };
}
