/**
 * Objects as Kubernetes spells them, before anybody read them.
 *
 * @module
 */
import { type Finding, finding } from "../../core/base/finding.ts";
import type { ObjectRef } from "../../core/base/ref.ts";
import type { Parsed } from "../../core/model/kind.ts";
import { parseObject } from "../../core/model/parse.ts";
import { parsePodSpec } from "../../core/model/pod-spec.ts";

export type RawObject = Readonly<Record<string, unknown>>;

export function isRawObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Kind, namespace ("" if none is written) and name. */
export function refOfRaw(raw: RawObject): ObjectRef {
  const metadata = isRawObject(raw["metadata"]) ? raw["metadata"] : {};
  return { kind: textOf(raw["kind"]), namespace: textOf(metadata["namespace"]), name: textOf(metadata["name"]) };
}

/** The object with fields of its metadata replaced. */
export function withMetadata(raw: RawObject, fields: RawObject): RawObject {
  const metadata = isRawObject(raw["metadata"]) ? raw["metadata"] : {};
  return { ...raw, metadata: { ...metadata, ...fields } };
}

/** Kinds that belong in manifests and that one machine has no use for: not worth a word. */
const QUIET = new Set([
  "ClusterRole",
  "ClusterRoleBinding",
  "ConfigMap",
  "CustomResourceDefinition",
  "NetworkPolicy",
  "PersistentVolumeClaim",
  "PodDisruptionBudget",
  "Role",
  "RoleBinding",
  "Secret",
]);

/**
 * Reads an object for `osm local`: the mesh's kinds, how pods run included. Kinds that nothing here reads are let
 * through, with a warning unless they are known to be harmless to leave out.
 */
export function parseManifest(raw: unknown): Parsed<unknown> {
  const parsed = parseObject(raw);
  if (parsed === undefined) return { ok: true, value: raw, findings: isRawObject(raw) ? unread(raw) : [] };
  if (!parsed.ok || parsed.value.kind !== "Pod") return parsed;
  const spec = parsePodSpec(raw);
  return spec.ok ? parsed : spec;
}

function unread(raw: RawObject): readonly Finding[] {
  const about = refOfRaw(raw);
  if (QUIET.has(about.kind)) return [];
  return [
    finding("field-unknown", about, "kind", `osm local does not run objects of kind ${about.kind}: it has no effect`),
  ];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
