/**
 * Reads one manifest file: YAML or JSON, many documents, `kind: List` flattened, each object with its line.
 *
 * @module
 */
import { type Document, isNode, LineCounter, parseAllDocuments } from "yaml";
import type { ObjectRef } from "../../core/base/ref.ts";

/** One object of a file. */
export interface ManifestObject {
  readonly ref: ObjectRef;
  /** As Kubernetes spells it; `metadata.namespace` is filled in. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Counted from 1. */
  readonly line: number;
  /** The line of a field such as `spec.rules[0].kind`, or of the nearest one above it that is written. */
  lineOf(path: string): number;
}

export interface ManifestProblem {
  readonly line: number;
  /** "" for the whole file or document. */
  readonly path: string;
  readonly reason: string;
}

export interface Manifests {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly ManifestProblem[];
}

type Key = string | number;

interface Place {
  readonly doc: Document;
  readonly lines: LineCounter;
  /** Where in the document the object starts: `["items", 2]` inside a List. */
  readonly base: readonly Key[];
}

/** Kubernetes' own cluster-scoped kinds. Any other object without a namespace is in `default`. */
const CLUSTER_SCOPED = new Set([
  "APIService",
  "CertificateSigningRequest",
  "ClusterRole",
  "ClusterRoleBinding",
  "CSIDriver",
  "CustomResourceDefinition",
  "GatewayClass",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "RuntimeClass",
  "StorageClass",
  "ValidatingWebhookConfiguration",
]);

/** Parses the text of a file. Never throws: what cannot be read is a problem with its line. */
export function readManifests(text: string): Manifests {
  const lines = new LineCounter();
  const found = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const objects: ManifestObject[] = [];
  const problems: ManifestProblem[] = [];
  for (const doc of "empty" in found ? [] : found) {
    const error = doc.errors[0];
    if (error !== undefined) {
      problems.push({ line: lines.linePos(error.pos[0]).line, path: "", reason: error.message });
      continue;
    }
    readValue(toValue(doc, lines, problems), { doc, lines, base: [] }, { objects, problems });
  }
  return { objects, problems };
}

function toValue(doc: Document, lines: LineCounter, problems: ManifestProblem[]): unknown {
  try {
    return doc.toJS();
  } catch (cause) {
    // Aliases that do not resolve, or that multiply without end.
    const reason = cause instanceof Error ? cause.message : String(cause);
    problems.push({ line: lineAt({ doc, lines, base: [] }, []), path: "", reason });
    return null;
  }
}

interface Output {
  readonly objects: ManifestObject[];
  readonly problems: ManifestProblem[];
}

function readValue(value: unknown, place: Place, out: Output): void {
  if (value === null || value === undefined) return;
  if (isRecord(value) && isList(value)) {
    const items = Array.isArray(value["items"]) ? value["items"] : [];
    items.forEach((item: unknown, i) => {
      readValue(item, { ...place, base: [...place.base, "items", i] }, out);
    });
    return;
  }
  const read = readObject(value);
  if (!read.ok) {
    const keys = keysOf(read.path);
    out.problems.push({ line: lineAt(place, keys), path: textOf([...place.base, ...keys]), reason: read.reason });
    return;
  }
  const { ref, raw } = read;
  out.objects.push({ ref, raw, line: lineAt(place, []), lineOf: (path) => lineAt(place, keysOf(path)) });
}

function isList({ kind, items }: Record<string, unknown>): boolean {
  return kind === "List" || (typeof kind === "string" && kind.endsWith("List") && Array.isArray(items));
}

type ObjectReading =
  | { readonly ok: true; readonly ref: ObjectRef; readonly raw: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly path: string; readonly reason: string };

function readObject(value: unknown): ObjectReading {
  const refuse = (path: string, reason: string): ObjectReading => ({ ok: false, path, reason });
  if (!isRecord(value)) return refuse("", `a Kubernetes object is a map, this is ${describe(value)}`);
  const { kind, apiVersion } = value;
  if (typeof apiVersion !== "string" || apiVersion === "") return refuse("", "no apiVersion");
  if (typeof kind !== "string" || kind === "") return refuse("", "no kind");
  const metadata = isRecord(value["metadata"]) ? value["metadata"] : {};
  const { name } = metadata;
  if (typeof name !== "string" || name === "") return refuse("metadata.name", `a ${kind} without a name`);
  const namespace = namespaceOf(kind, metadata["namespace"]);
  return {
    ok: true,
    ref: { kind, namespace, name },
    raw: namespace === "" ? value : { ...value, metadata: { ...metadata, namespace } },
  };
}

function namespaceOf(kind: string, given: unknown): string {
  if (CLUSTER_SCOPED.has(kind)) return "";
  return typeof given === "string" && given !== "" ? given : "default";
}

/** The line of the deepest written node on the way to `keys`. */
function lineAt({ doc, lines, base }: Place, keys: readonly Key[]): number {
  const all = [...base, ...keys];
  for (let length = all.length; length >= 0; length--) {
    const node: unknown = length === 0 ? doc.contents : doc.getIn(all.slice(0, length), true);
    const start = isNode(node) ? node.range?.[0] : undefined;
    if (start !== undefined) return lines.linePos(start).line;
  }
  return 1;
}

function keysOf(path: string): readonly Key[] {
  return [...path.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, plain]) =>
    index === undefined ? (quoted ?? plain ?? "") : Number(index),
  );
}

function textOf(keys: readonly Key[]): string {
  return keys.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? key : `.${key}`)).join("");
}

function describe(value: unknown): string {
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
