/**
 * Workload objects → what their controllers need: a controller, a template of pods and its hash.
 *
 * @module
 */
import * as v from "valibot";
import type { ObjectRef } from "../../core/base/ref.ts";
import { refOf } from "../../core/model/object.ts";
import { parseObject } from "../../core/model/parse.ts";
import { type PodTemplate, parsePodSpec } from "../../core/model/pod-spec.ts";
import type { DaemonSet, Deployment, Job, StatefulSet } from "../../core/model/workload.ts";
import { shortHash } from "./names.ts";
import type { Controller } from "./plan.ts";

export interface WorkloadPlan {
  readonly ref: ObjectRef;
  readonly controller: Controller;
  readonly template: PodTemplate;
  readonly hash: string;
  /** The headless Service of a StatefulSet; else "". */
  readonly serviceName: string;
}

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Share = v.union([Whole, v.pipe(v.string(), v.regex(/^\d+%$/))]);

/** What controllers read beyond the model. What does not fit counts as absent. */
const Settings = v.object({
  strategy: v.fallback(
    v.optional(
      v.object({
        type: v.optional(v.string()),
        rollingUpdate: v.nullish(v.object({ maxSurge: v.optional(Share), maxUnavailable: v.optional(Share) })),
      }),
    ),
    undefined,
  ),
  podManagementPolicy: v.fallback(v.optional(v.string()), undefined),
  parallelism: v.fallback(v.optional(Whole), undefined),
  backoffLimit: v.fallback(v.optional(Whole), undefined),
});
type Settings = v.InferOutput<typeof Settings>;
const WithSettings = v.object({ spec: v.fallback(Settings, {}) });

/** Kubernetes' defaults. */
const QUARTER = "25%";
const BACKOFF_LIMIT = 6;

/** The workload in `raw`, or undefined if it is of another kind or does not parse. */
export function readWorkload(raw: unknown): WorkloadPlan | undefined {
  const parsed = parseObject(raw);
  if (parsed?.ok !== true) return undefined;
  const { value } = parsed;
  switch (value.kind) {
    case "Pod": {
      const spec = parsePodSpec(raw);
      if (!spec.ok) return undefined;
      const { labels, annotations } = value.meta;
      const template = { labels, annotations, spec: spec.value };
      return {
        ref: refOf(value),
        controller: { kind: "single" },
        template,
        hash: shortHash(template),
        serviceName: "",
      };
    }
    case "Deployment":
    case "StatefulSet":
    case "DaemonSet":
    case "Job":
      return {
        ref: refOf(value),
        controller: controllerOf(value, settingsOf(raw)),
        template: value.template,
        hash: shortHash(value.template),
        serviceName: value.serviceName,
      };
    default:
      return undefined;
  }
}

function settingsOf(raw: unknown): Settings {
  const read = v.safeParse(WithSettings, raw);
  return read.success ? read.output.spec : {};
}

function controllerOf(workload: Deployment | StatefulSet | DaemonSet | Job, settings: Settings): Controller {
  const { kind, replicas } = workload;
  switch (kind) {
    case "Deployment": {
      const { type, rollingUpdate } = settings.strategy ?? {};
      const maxSurge = shareOf(rollingUpdate?.maxSurge ?? QUARTER, replicas, Math.ceil);
      const maxUnavailable = shareOf(rollingUpdate?.maxUnavailable ?? QUARTER, replicas, Math.floor);
      // Neither more nor fewer would mean that nothing ever moves; Kubernetes then allows one to be missing.
      const stuck = maxSurge === 0 && maxUnavailable === 0;
      return {
        kind: "deployment",
        replicas,
        recreate: type === "Recreate",
        maxSurge,
        maxUnavailable: stuck ? 1 : maxUnavailable,
      };
    }
    case "StatefulSet":
      return { kind: "stateful", replicas, parallel: settings.podManagementPolicy === "Parallel" };
    case "DaemonSet":
      return { kind: "single" };
    case "Job": {
      const { parallelism = 1, backoffLimit = BACKOFF_LIMIT } = settings;
      return { kind: "job", completions: replicas, parallelism, backoffLimit };
    }
  }
}

function shareOf(share: number | string, replicas: number, round: (n: number) => number): number {
  return typeof share === "number" ? share : round((replicas * Number.parseInt(share, 10)) / 100);
}
