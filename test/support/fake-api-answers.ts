/**
 * What the fake API server says, as the real one spells it.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

export interface FakeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
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

/** By the namespace in the path, and a selector of one label. */
export function matches(url: URL, { metadata }: FakeObject): boolean {
  const namespace = /\/namespaces\/([^/]+)\//.exec(url.pathname)?.[1];
  const [label, value] = url.searchParams.get("labelSelector")?.split("=") ?? [];
  return (
    (namespace === undefined || metadata.namespace === namespace) &&
    (label === undefined || metadata.labels?.[label] === value)
  );
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
