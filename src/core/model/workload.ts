/**
 * Workloads: templates of pods and how many of them.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, Text, wholeFrom } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";
import { type PodTemplate, TemplateField } from "./pod-spec.ts";

export interface Workload<K extends string> {
  readonly kind: K;
  readonly meta: Meta;
  /** Of a Job: how many of its pods must complete. Of a DaemonSet: 1, since there is one node. */
  readonly replicas: number;
  /** The headless Service of a StatefulSet; else "". */
  readonly serviceName: string;
  readonly template: PodTemplate;
}

export type Deployment = Workload<"Deployment">;
export type StatefulSet = Workload<"StatefulSet">;
export type DaemonSet = Workload<"DaemonSet">;
export type Job = Workload<"Job">;

const Count = v.nullish(wholeFrom(0), 1);

/** One schema for all: a field that a kind does not have is absent from its objects. */
const Schema = fieldsOf({
  metadata: Metadata,
  spec: fieldsOf({ replicas: Count, completions: Count, serviceName: Text, template: TemplateField }),
});

type Read = v.InferOutput<typeof Schema>["spec"];

interface Form<K extends string> {
  readonly kind: K;
  readonly group: string;
  readonly plural: string;
  /** How many pods its spec asks for. */
  readonly replicas: (spec: Read) => number;
}

function defineWorkload<K extends string>({ replicas, ...names }: Form<K>): Kind<Workload<K>> {
  return defineKind({
    ...names,
    versions: ["v1"],
    fields: "theirs",
    schema: Schema,
    build: ({ spec }, meta): Workload<K> => ({
      kind: names.kind,
      meta,
      replicas: replicas(spec),
      serviceName: names.kind === "StatefulSet" ? spec.serviceName : "",
      template: spec.template,
    }),
  });
}

export const Deployment: Kind<Deployment> = defineWorkload({
  kind: "Deployment",
  group: "apps",
  plural: "deployments",
  replicas: (spec) => spec.replicas,
});

export const StatefulSet: Kind<StatefulSet> = defineWorkload({
  kind: "StatefulSet",
  group: "apps",
  plural: "statefulsets",
  replicas: (spec) => spec.replicas,
});

export const DaemonSet: Kind<DaemonSet> = defineWorkload({
  kind: "DaemonSet",
  group: "apps",
  plural: "daemonsets",
  replicas: () => 1,
});

export const Job: Kind<Job> = defineWorkload({
  kind: "Job",
  group: "batch",
  plural: "jobs",
  replicas: (spec) => spec.completions,
});
