/**
 * What is wrong with an object on its own, found by the same functions as the compiler's (platform spec 4.2).
 *
 * Nothing that OSM accepted is refused: a mistake that has no effect on others is a warning, as it is in the status.
 *
 * @module
 */
import { type Finding, finding, findingText, severityOf } from "../../core/base/finding.ts";
import { strayConfigs } from "../../core/graph/graph.ts";
import type { MeshSettings } from "../../core/graph/settings.ts";
import { linkTargets } from "../../core/graph/targets.ts";
import { isRecord } from "../../core/model/fields.ts";
import { MeshRootCertificate } from "../../core/model/mesh-root-certificate.ts";
import { type MeshObject, refOf } from "../../core/model/object.ts";
import { parseObject } from "../../core/model/parse.ts";
import { rootFaults } from "../../core/model/root-change.ts";
import { emptySnapshot } from "../../core/model/snapshot.ts";

export interface ValidationSettings extends MeshSettings {
  /** The chart's `smi.validateTrafficTarget`. */
  readonly validateTrafficTarget: boolean;
  /** The mesh's roots as they are known. */
  readonly roots: readonly MeshRootCertificate[];
}

/** What a review asks about. */
export interface Submission {
  /** As it would be stored. */
  readonly object: unknown;
  /** As it is stored, of an update. */
  readonly oldObject?: unknown;
}

export type ObjectVerdict =
  | { readonly kind: "accept"; readonly warnings: readonly string[] }
  | { readonly kind: "refuse"; readonly reason: string; readonly warnings: readonly string[] }
  /** Not a kind that the mesh reads. */
  | { readonly kind: "unknown" };

type Code = Finding["code"];

/** They cost time to read, which health checks and other reviews wait for. */
const CROWDED = ["labels", "annotations"] as const;
const MOST_ENTRIES = 10_000;
/** The parts of an object that OSM's webhook looked at. */
const REFUSED_PARTS: Readonly<Partial<Record<string, RegExp>>> = {
  Egress: /^spec\.matches/,
  IngressBackend: /^spec\.(?:backends|sources)/,
  MeshRootCertificate: /^spec/,
};
/** What can be known without other objects: those may come a moment later. */
const ALONE: readonly Code[] = [
  "target-namespace-mismatch",
  "target-rules-empty",
  "target-rule-kind",
  "target-identity-kind",
  "mesh-config-name",
];

/** Never throws. */
export function judgeObject({ object: raw, oldObject }: Submission, settings: ValidationSettings): ObjectVerdict {
  const crowded = CROWDED.find((field) => entriesOf(raw, field) > MOST_ENTRIES);
  if (crowded !== undefined)
    return { kind: "refuse", reason: `metadata.${crowded} has more than ${MOST_ENTRIES} entries`, warnings: [] };
  const parsed = parseObject(raw);
  if (parsed === undefined) return { kind: "unknown" };
  const findings = [
    ...parsed.findings,
    ...(parsed.ok
      ? [...findingsAlone(parsed.value, settings), ...rootFindings(parsed.value, oldObject, settings)]
      : []),
  ];
  const isGround = !parsed.ok && !hasShape(raw) ? isError : (one: Finding) => refuses(one, settings);
  const grounds = findings.filter(isGround);
  const warnings = findings.filter((one) => !isGround(one)).map(findingText);
  if (grounds.length === 0) return { kind: "accept", warnings };
  return { kind: "refuse", reason: grounds.map(findingText).join("; "), warnings };
}

function entriesOf(raw: unknown, field: (typeof CROWDED)[number]): number {
  const metadata = isRecord(raw) && isRecord(raw["metadata"]) ? raw["metadata"] : {};
  const entries = metadata[field];
  return isRecord(entries) ? Object.keys(entries).length : 0;
}

/** The least that every schema of OSM's asked for. */
function hasShape(raw: unknown): boolean {
  return isRecord(raw) && isRecord(raw["metadata"]) && isRecord(raw["spec"]);
}

function isError(one: Finding): boolean {
  return severityOf(one) === "error";
}

/**
 * What OSM's webhook refused (platform spec 4.2). Of TrafficTargets: one elsewhere than its destination, or whose
 * destination is nowhere.
 */
function refuses({ about, code, path }: Finding, { validateTrafficTarget }: ValidationSettings): boolean {
  if (code === "object-invalid") return REFUSED_PARTS[about.kind]?.test(path) ?? false;
  if (about.kind !== "TrafficTarget" || path !== "spec.destination.namespace") return false;
  return validateTrafficTarget && (code === "target-namespace-mismatch" || code === "target-identity-kind");
}

/** Not by `buildGraph`: it remembers its last snapshot for the compiler, which shares this process. */
function findingsAlone(object: MeshObject, settings: MeshSettings): readonly Finding[] {
  const { objects, number } = emptySnapshot();
  switch (object.kind) {
    case "TrafficTarget": {
      const snapshot = { number, objects: { ...objects, TrafficTarget: new Map([["", object]]) } };
      return linkTargets(snapshot, () => true).findings.filter(({ code }) => ALONE.includes(code));
    }
    case "MeshConfig":
      return strayConfigs({ number, objects: { ...objects, MeshConfig: new Map([["", object]]) } }, settings);
    default:
      return [];
  }
}

/** Roots are only in force together, and one step at a time. */
function rootFindings(
  object: MeshObject,
  oldObject: unknown,
  { roots, meshNamespace }: ValidationSettings,
): readonly Finding[] {
  if (object.kind !== "MeshRootCertificate" || object.meta.namespace !== meshNamespace) return [];
  const old = MeshRootCertificate.parse(oldObject);
  const others = roots.filter(({ meta }) => meta.namespace === meshNamespace && meta.name !== object.meta.name);
  return rootFaults({ before: old.ok ? old.value : undefined, after: object, others }).map(({ path, message }) =>
    finding("object-invalid", refOf(object), path, message),
  );
}
