/**
 * AdmissionReview, both ways: what an API server asks and how it is answered.
 *
 * A request that is no review gets an HTTP error, so that the webhook's failure policy applies; a review gets a review.
 *
 * @module
 */
import * as v from "valibot";
import { type Millis, parseDuration } from "../../core/base/millis.ts";
import type { JsonPatch } from "../../core/inject/json-patch.ts";
import { type BadBody, readJson } from "../body.ts";

/** As much of a review as is looked at. */
export interface Review {
  /** Echoed: the answer is in the version of the question. */
  readonly apiVersion: string;
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** "" for cluster-scoped objects. */
  readonly namespace: string;
  readonly operation: string;
  /** "" for the object itself. */
  readonly subResource: string;
  /** Nothing may be stored on its account. */
  readonly dryRun: boolean;
  readonly object: unknown;
  /** Of an update: as it was. */
  readonly oldObject: unknown;
}

export type Verdict =
  | {
      readonly allowed: true;
      readonly warnings: readonly string[];
      readonly patch?: JsonPatch;
      /** For the API server's audit log. */
      readonly audit?: Readonly<Record<string, string>>;
    }
  /** `code`: 403 for what the author can mend, 5xx for what is ours. */
  | {
      readonly allowed: false;
      readonly code: 403 | 500 | 504;
      readonly message: string;
      readonly warnings?: readonly string[];
    };

/** The API server's own for webhooks. */
const DEFAULT_TIMEOUT: Millis = 10_000;
const LONGEST_TIMEOUT: Millis = 30_000;
const SHORTEST_TIMEOUT: Millis = 500;
/** So that our answer, which has a reason, comes before the API server's own, which has none. */
const HEAD_START: Millis = 500;

/** An API server cuts all warnings of an answer at 4096 bytes, and drops those with control characters. */
const WARNINGS = 16;
const WARNING_LENGTH = 240;
const MESSAGE_LENGTH = 4000;

const ShortText = v.pipe(v.string(), v.maxLength(253));
const OptionalText = v.nullish(ShortText, "");

const AdmissionReview = v.looseObject({
  apiVersion: v.picklist(["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]),
  kind: v.literal("AdmissionReview"),
  request: v.looseObject({
    uid: v.pipe(ShortText, v.nonEmpty()),
    kind: v.looseObject({ group: OptionalText, version: ShortText, kind: ShortText }),
    namespace: OptionalText,
    operation: ShortText,
    subResource: OptionalText,
    dryRun: v.nullish(v.boolean(), false),
    object: v.nullish(v.unknown()),
    oldObject: v.nullish(v.unknown()),
  }),
});

/** Never throws. */
export async function readReview(
  request: Request,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly review: Review } | BadBody> {
  const body = await readJson(request, { signal });
  if (!body.ok) return body;
  const read = v.safeParse(AdmissionReview, body.value, { abortEarly: true });
  if (!read.success) {
    const path = v.getDotPath(read.issues[0]) ?? "the body";
    return { ok: false, status: 400, reason: `not an AdmissionReview: ${path} is missing or wrong` };
  }
  const { apiVersion, request: asked } = read.output;
  const { uid, namespace, operation, subResource, dryRun, object, oldObject } = asked;
  const { group, version, kind } = asked.kind;
  return {
    ok: true,
    review: {
      apiVersion,
      uid,
      kind: { group, version, kind },
      namespace,
      operation,
      subResource,
      dryRun,
      object,
      oldObject,
    },
  };
}

/** What is left to answer, from the `timeout` that an API server writes into the query. */
export function timeLeft(timeout: string | undefined): Millis {
  const given = parseDuration(timeout ?? "") ?? DEFAULT_TIMEOUT;
  return Math.min(Math.max(given - HEAD_START, SHORTEST_TIMEOUT), LONGEST_TIMEOUT);
}

export function answerReview({ apiVersion, uid }: Review, verdict: Verdict): Readonly<Record<string, unknown>> {
  return { apiVersion, kind: "AdmissionReview", response: { uid, ...responseOf(verdict) } };
}

function responseOf(verdict: Verdict): Readonly<Record<string, unknown>> {
  const warnings = printable(verdict.warnings ?? []);
  const common = { allowed: verdict.allowed, ...(warnings.length === 0 ? {} : { warnings }) };
  if (!verdict.allowed) {
    const { code, message } = verdict;
    return {
      ...common,
      status: { status: "Failure", code, reason: REASONS[code], message: cut(message, MESSAGE_LENGTH) },
    };
  }
  const { patch = [], audit = {} } = verdict;
  return {
    ...common,
    ...(Object.keys(audit).length === 0 ? {} : { auditAnnotations: audit }),
    ...(patch.length === 0 ? {} : { patchType: "JSONPatch", patch: base64(JSON.stringify(patch)) }),
  };
}

/** Kubernetes' words. */
const REASONS = { 403: "Forbidden", 500: "InternalError", 504: "Timeout" } as const;

function printable(warnings: readonly string[]): readonly string[] {
  const shown = warnings.slice(0, WARNINGS).map((text) => cut(text.replace(/[\p{Cc}\p{Cs}]+/gu, " "), WARNING_LENGTH));
  const left = warnings.length - shown.length;
  return left === 0 ? shown : [...shown, `and ${left} more`];
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
