/**
 * The validating webhook: the same findings as everywhere, before the object is stored.
 *
 * @module
 */
import type { Hono } from "hono";
import { isRecord } from "../../core/model/fields.ts";
import { KINDS } from "../../core/model/parse.ts";
import type { Observe } from "./observation.ts";
import type { Review } from "./review.ts";
import { judgeObject, type ValidationSettings } from "./rules.ts";
import { type Decision, webhookRoutes } from "./webhook.ts";

const VALIDATE_PATH = "/validate";

export interface ValidationDeps {
  settings(): ValidationSettings;
  readonly observe: Observe;
}

export function validateRoutes(deps: ValidationDeps): Hono {
  return webhookRoutes({
    name: "validate",
    path: VALIDATE_PATH,
    observe: deps.observe,
    decide: async (review) => decide(deps, review),
  });
}

function decide({ settings }: ValidationDeps, review: Review): Decision {
  const kind = knownKind(review.kind);
  // What is removed, and what only a status says, changes no meaning.
  if (review.operation === "DELETE" || review.subResource !== "") return accepted(kind, []);
  const verdict = judgeObject({ object: named(review), oldObject: review.oldObject }, settings());
  switch (verdict.kind) {
    case "accept":
      return accepted(kind, verdict.warnings);
    case "refuse":
      return refused(kind, verdict.reason, verdict.warnings);
    case "unknown": {
      const { group, version } = review.kind;
      return refused(kind, `unknown gvk: ${group}/${version}, Kind=${review.kind.kind}: osm has no rules for it`, []);
    }
  }
}

/** The kind and namespace are the request's, which the API server vouches for; a name may yet have to be made. */
function named({ object, kind: { group, version, kind }, namespace }: Review): unknown {
  if (!isRecord(object)) return object;
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const { metadata } = { metadata: object["metadata"] };
  if (!isRecord(metadata)) return { ...object, apiVersion, kind };
  const { name, generateName } = { name: metadata["name"], generateName: metadata["generateName"] };
  const made = typeof generateName === "string" && (name ?? "") === "" ? { name: `${generateName}new` } : {};
  return {
    ...object,
    apiVersion,
    kind,
    metadata: { ...metadata, ...made, ...(namespace === "" ? {} : { namespace }) },
  };
}

function knownKind({ group, kind }: Review["kind"]): string {
  return KINDS.some((one) => one.kind === kind && one.group === group) ? kind : "unknown";
}

function accepted(kind: string, warnings: readonly string[]): Decision {
  return { verdict: { allowed: true, warnings }, kind, outcome: "allowed", reason: "" };
}

function refused(kind: string, reason: string, warnings: readonly string[]): Decision {
  return { verdict: { allowed: false, code: 403, message: reason, warnings }, kind, outcome: "refused", reason };
}
