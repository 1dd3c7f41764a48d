/**
 * Retry: how calls of one identity to Services are repeated.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import type { NamespacedName } from "../base/ref.ts";
import type { Report } from "../base/report.ts";
import { AnyText, Duration, durationThat, fieldsOf, filled, LabelName, SubdomainName, wholeBetween } from "./fields.ts";
import { type Path, show } from "./issues.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

export interface RetryPolicy {
  /** Envoy's conditions, each known to Envoy and there once. May be empty: then nothing is repeated. */
  readonly retryOn: readonly string[];
  /** Above 0; undefined: a try has no limit of its own. */
  readonly perTryTimeout?: Millis;
  /** 1 if left out, as in Envoy. 0: nothing is repeated. */
  readonly numRetries: number;
  /** At least 1; 25 if left out, as in Envoy. The longest pause is ten times as long. */
  readonly retryBackoffBaseInterval: Millis;
}

export interface Retry {
  readonly kind: "Retry";
  readonly meta: Meta;
  /** A service account. */
  readonly source: NamespacedName;
  /** Services, as written but for those that are none. */
  readonly destinations: readonly NamespacedName[];
  readonly retryPolicy: RetryPolicy;
}

/** Of HTTP and of gRPC, which Envoy reads from the same list. @see Envoy, `config.route.v3.RetryPolicy.retry_on`. */
const CONDITIONS: ReadonlySet<string> = new Set([
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "envoy-ratelimited",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
]);
const MOST_RETRIES = 2 ** 32 - 1;

const Source = fieldsOf({
  kind: v.literal("ServiceAccount", "ServiceAccount"),
  name: SubdomainName,
  namespace: LabelName,
});
const Destination = fieldsOf({ kind: v.literal("Service", "Service"), name: LabelName, namespace: LabelName });

const Policy = fieldsOf({
  retryOn: AnyText,
  perTryTimeout: filled(Duration, "0s"),
  numRetries: v.nullish(wholeBetween(0, MOST_RETRIES), 1),
  retryBackoffBaseInterval: filled(
    durationThat((span) => span >= 1, "a duration of 1ms or more"),
    "25ms",
  ),
});

const Spec = fieldsOf({
  source: Source,
  destinations: v.array(Destination, "a list of Services"),
  retryPolicy: Policy,
});

export const Retry: Kind<Retry> = defineKind({
  kind: "Retry",
  group: "policy.openservicemesh.io",
  plural: "retries",
  versions: ["v1alpha1"],
  fields: "ours",
  onBadValue: partAtFault,
  schema: fieldsOf({ metadata: Metadata, spec: Spec }),
  build: ({ spec }, meta, report): Retry => ({
    kind: "Retry",
    meta,
    source: nameOf(spec.source),
    destinations: spec.destinations.map(nameOf),
    retryPolicy: toPolicy(spec.retryPolicy, report),
  }),
});

/** A destination goes as a whole; of the policy, one field. */
function partAtFault(fault: Path): Path | undefined {
  const [spec, field, index] = fault;
  if (spec === undefined || field === undefined || index === undefined) return undefined;
  if (field === "destinations") return [spec, field, index];
  return field === "retryPolicy" && index !== "retryOn" ? fault : undefined;
}

function nameOf({ namespace, name }: NamespacedName): NamespacedName {
  return { namespace, name };
}

function toPolicy({ retryOn, perTryTimeout, ...rest }: v.InferOutput<typeof Policy>, report: Report): RetryPolicy {
  const limit = perTryTimeout > 0 ? { perTryTimeout } : {};
  return { retryOn: knownConditions(retryOn, report), ...limit, ...rest };
}

// Envoy drops what it does not know without a word.
function knownConditions(text: string, report: Report): readonly string[] {
  const written = [...new Set(text.split(",").map((one) => one.trim()))].filter((one) => one !== "");
  const unknown = written.filter((one) => !CONDITIONS.has(one));
  for (const one of unknown)
    report("field-invalid", "spec.retryPolicy.retryOn", `${show(one)} is no condition of Envoy's; it is left out`);
  if (written.length === 0)
    report("field-invalid", "spec.retryPolicy.retryOn", 'it names no condition, so nothing is repeated: write "5xx"');
  return written.filter((one) => CONDITIONS.has(one));
}
