/**
 * What a kind is to the mesh: its name in the API and how one object of it is read.
 *
 * @module
 */
import type * as v from "valibot";
import { type Finding, tidyFindings } from "../base/finding.ts";
import { deepFreeze } from "../base/memo.ts";
import type { ObjectRef } from "../base/ref.ts";
import { type Report, reportTo } from "../base/report.ts";
import { isRecord } from "./fields.ts";
import { issueMessage, issuePath, type Path, pathText, show } from "./issues.ts";
import { type PartAtFault, parseMending } from "./mend.ts";
import { type Meta, type Metadata, namespaceOf, toMeta } from "./meta.ts";
import { unknownFields } from "./unknown-fields.ts";

/** `ok`: the object takes effect, whatever was found in it. Otherwise at least one finding is an error. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly findings: readonly Finding[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export interface Kind<T extends { readonly kind: string }> {
  readonly kind: T["kind"];
  /** API group; "" for Kubernetes' core. */
  readonly group: string;
  readonly plural: string;
  /** Served versions, newest first. */
  readonly versions: readonly string[];
  /** Declared by OSM's CRDs but not served: they parse to `version-unserved`. */
  readonly unserved: readonly string[];
  readonly namespaced: boolean;
  /** Never throws. The value is frozen. */
  parse(raw: unknown): Parsed<T>;
}

export interface Definition<T extends Named, S extends ObjectSchema> {
  readonly kind: T["kind"];
  readonly group: string;
  readonly plural: string;
  readonly versions: readonly string[];
  readonly unserved?: readonly string[];
  readonly scope?: "namespace" | "cluster";
  /** Of the whole object; its `metadata` is a `Metadata`. */
  readonly schema: S;
  /** `ours`: an unknown field is a finding. `theirs`: Kubernetes' kinds, of which a part is read. */
  readonly fields: "ours" | "theirs";
  /** What to do about a bad value: refuse the object, take the field's default, or leave out the part that it spoils. */
  readonly onBadValue?: "refuse" | "default" | PartAtFault;
  /** Cross-field rules are told through `report`. undefined: the object is refused, and an error says why. */
  readonly build: (read: v.InferOutput<S>, meta: Meta, report: Report) => T | undefined;
}

interface Named {
  readonly kind: string;
  readonly meta: Meta;
}

type ObjectSchema = v.GenericSchema<unknown, { readonly metadata: v.InferOutput<typeof Metadata> }>;

/** Of one object: nobody reads more, and an object of three megabytes can hold half a million. */
const MOST_ISSUES = 200;
/** What stands beside the fields of our kinds: the server's own, and `status`, which only we write. */
const EVERY_OBJECT = ["apiVersion", "kind", "metadata", "status"];

export function defineKind<T extends Named, S extends ObjectSchema>(definition: Definition<T, S>): Kind<T> {
  const { kind, group, plural, versions, unserved = [], scope = "namespace" } = definition;
  const namespaced = scope === "namespace";
  return {
    kind,
    group,
    plural,
    versions,
    unserved,
    namespaced,
    parse: (raw) => {
      const findings: Finding[] = [];
      const report = reportTo(findings, aboutOf(kind, namespaced, raw));
      const value = headerFits(definition, raw, report) ? read(definition, namespaced, raw, report) : undefined;
      const tidy = Object.freeze(tidyFindings(findings));
      return value === undefined ? { ok: false, findings: tidy } : { ok: true, value, findings: tidy };
    },
  };
}

function read<T extends Named, S extends ObjectSchema>(
  { schema, fields, onBadValue = "refuse", build }: Definition<T, S>,
  namespaced: boolean,
  raw: unknown,
  report: Report,
): T | undefined {
  const { value, issues } = parseMending(schema, raw, partAtFault(onBadValue));
  const code = value === undefined ? "object-invalid" : "field-invalid";
  for (const issue of issues.slice(0, MOST_ISSUES)) report(code, pathText(issuePath(issue)), issueMessage(issue));
  if (issues.length > MOST_ISSUES) report(code, "", `and ${issues.length - MOST_ISSUES} more like these`);
  if (fields === "ours") reportUnknownFields(schema, raw, report);
  const built = value === undefined ? undefined : build(value, toMeta(value.metadata, namespaced), report);
  return built === undefined ? undefined : deepFreeze(built);
}

function partAtFault(onBadValue: "refuse" | "default" | PartAtFault): PartAtFault {
  if (typeof onBadValue === "function") return (fault) => (isWithinSpec(fault) ? onBadValue(fault) : undefined);
  return (fault) => (onBadValue === "default" && isWithinSpec(fault) ? fault : undefined);
}

function isWithinSpec([first, second]: Path): boolean {
  return first === "spec" && second !== undefined;
}

function reportUnknownFields(schema: unknown, raw: unknown, report: Report): void {
  for (const path of unknownFields(schema, raw).slice(0, MOST_ISSUES)) {
    const [first] = path;
    const expected = first === "metadata" || (path.length === 1 && EVERY_OBJECT.includes(String(first)));
    if (!expected) report("field-unknown", pathText(path), "this kind has no such field; it has no effect");
  }
}

/** Whether it is of this kind, in a served version. Items of an API server's list name neither, so absent is well. */
function headerFits<T extends Named, S extends ObjectSchema>(
  { kind, group, versions }: Definition<T, S>,
  raw: unknown,
  report: Report,
): boolean {
  const header = isRecord(raw) ? { apiVersion: raw["apiVersion"] ?? "", kind: raw["kind"] ?? kind } : undefined;
  if (header === undefined) report("object-invalid", "", `must be an object, but is ${show(raw)}`);
  else if (header.kind !== kind) report("object-invalid", "kind", `must be ${kind}, but is ${show(header.kind)}`);
  else if (header.apiVersion === "") return true;
  else return versionFits({ group, versions }, header.apiVersion, report);
  return false;
}

function versionFits(
  { group, versions }: Pick<Definition<Named, ObjectSchema>, "group" | "versions">,
  apiVersion: unknown,
  report: Report,
): boolean {
  const written = typeof apiVersion === "string" ? groupVersion(apiVersion) : undefined;
  const served = versions.map((version) => (group === "" ? version : `${group}/${version}`)).join(" or ");
  if (written === undefined || written.group !== group) {
    report("object-invalid", "apiVersion", `must be ${served}, but is ${show(apiVersion)}`);
    return false;
  }
  if (versions.includes(written.version)) return true;
  report("version-unserved", "apiVersion", `${show(apiVersion)} is not served; write the object as ${served}`);
  return false;
}

/** `apps/v1` is version `v1` of group `apps`; `v1` is of group "". */
export function groupVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf("/");
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1) };
}

/** Whom findings are about, as far as it can be told before the object is read. */
function aboutOf(kind: string, namespaced: boolean, raw: unknown): ObjectRef {
  const metadata = isRecord(raw) && isRecord(raw["metadata"]) ? raw["metadata"] : {};
  const { name, namespace } = { name: metadata["name"], namespace: metadata["namespace"] };
  return {
    kind,
    namespace: namespaceOf(namespaced, typeof namespace === "string" ? namespace : ""),
    name: typeof name === "string" ? name : "",
  };
}
