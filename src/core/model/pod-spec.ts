/**
 * How a pod's containers run. For whoever runs or patches pods; the control plane needs `pod.ts` alone.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, Flag, fieldsOf, filled, LabelName, listOf, NameText, Text, TextMap, wholeFrom } from "./fields.ts";
import { defineKind, type Parsed } from "./kind.ts";
import { Metadata } from "./meta.ts";
import { accountOf } from "./pod.ts";
import { type ContainerPort, ContainerPorts } from "./port.ts";
import { type Probe, ProbeField } from "./probe.ts";

/** `$(VAR)` is left as written: expanding it is the runtime's work. */
export type EnvVar =
  | { readonly name: string; readonly kind: "value"; readonly value: string }
  | { readonly name: string; readonly kind: "field"; readonly fieldPath: string }
  /** `source` names the key of `valueFrom` that is not carried, such as `secretKeyRef`; `envFrom` has no name. */
  | { readonly name: string; readonly kind: "unsupported"; readonly source: string };

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** "": the image's own. */
  readonly workingDir: string;
  readonly env: readonly EnvVar[];
  readonly ports: readonly ContainerPort[];
  /** The container's own, or the pod's. */
  readonly runAsUser?: number;
  /** An init container that keeps running beside the others (a native sidecar). */
  readonly restartPolicy?: "Always";
  readonly readiness?: Probe;
  readonly liveness?: Probe;
  readonly startup?: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface PodSpec {
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  readonly subdomain: string;
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
}

export interface PodTemplate {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

const DEFAULT_GRACE_SECONDS = 30;

const Security = v.nullish(fieldsOf({ runAsUser: v.nullish(wholeFrom(0)) }), {});

const Elsewhere = v.nullish(v.unknown());

const ValueFrom = fieldsOf({
  fieldRef: v.nullish(fieldsOf({ fieldPath: NameText })),
  configMapKeyRef: Elsewhere,
  secretKeyRef: Elsewhere,
  resourceFieldRef: Elsewhere,
});

const Env = fieldsOf({ name: NameText, value: Text, valueFrom: v.nullish(ValueFrom) });
const EnvFrom = fieldsOf({ configMapRef: Elsewhere, secretRef: Elsewhere });

const ContainerField = fieldsOf({
  name: LabelName,
  image: Text,
  command: listOf(AnyText),
  args: listOf(AnyText),
  workingDir: Text,
  env: listOf(Env),
  envFrom: listOf(EnvFrom),
  ports: ContainerPorts,
  securityContext: Security,
  restartPolicy: filled(v.picklist(["", "Always"], "Always, or left out"), ""),
  readinessProbe: v.nullish(ProbeField),
  livenessProbe: v.nullish(ProbeField),
  startupProbe: v.nullish(ProbeField),
  volumeMounts: listOf(fieldsOf({ name: NameText, mountPath: NameText })),
});

const SpecFields = fieldsOf({
  serviceAccountName: Text,
  serviceAccount: Text,
  hostNetwork: Flag,
  hostname: Text,
  subdomain: Text,
  restartPolicy: filled(v.picklist(["Always", "OnFailure", "Never"], "Always, OnFailure or Never"), "Always"),
  terminationGracePeriodSeconds: v.nullish(wholeFrom(0), DEFAULT_GRACE_SECONDS),
  securityContext: Security,
  initContainers: listOf(ContainerField),
  containers: v.pipe(
    v.array(ContainerField, "a list of containers"),
    v.minLength(1, "a list of at least one container"),
  ),
});

/** The spec of a pod, or of a template of pods. */
const PodSpecField = v.pipe(
  SpecFields,
  v.check(hasDistinctNames, "a pod whose containers have different names"),
  v.transform(toPodSpec),
);

/** A template of pods in a workload. */
export const TemplateField = v.pipe(
  fieldsOf({
    metadata: v.nullish(fieldsOf({ labels: TextMap, annotations: TextMap }), {}),
    spec: PodSpecField,
  }),
  v.transform(({ metadata, spec }): PodTemplate => ({ ...metadata, spec })),
);

const RunnablePod = defineKind({
  kind: "Pod",
  group: "",
  plural: "pods",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({ metadata: Metadata, spec: PodSpecField }),
  build: ({ spec }, meta) => ({ kind: "Pod" as const, meta, spec }),
});

/** Reads how a Pod's containers run. `raw` is the whole Pod, as for its `Kind`. */
export function parsePodSpec(raw: unknown): Parsed<PodSpec> {
  const parsed = RunnablePod.parse(raw);
  return parsed.ok ? { ...parsed, value: parsed.value.spec } : parsed;
}

function hasDistinctNames({ initContainers, containers }: v.InferOutput<typeof SpecFields>): boolean {
  const names = [...initContainers, ...containers].map(({ name }) => name);
  return new Set(names).size === names.length;
}

function toPodSpec(read: v.InferOutput<typeof SpecFields>): PodSpec {
  const { hostNetwork, hostname, subdomain, restartPolicy, terminationGracePeriodSeconds } = read;
  const user = read.securityContext.runAsUser ?? undefined;
  return {
    serviceAccount: accountOf(read),
    hostNetwork,
    hostname,
    subdomain,
    restartPolicy,
    terminationGracePeriodSeconds,
    initContainers: read.initContainers.map((one) => toContainer(one, user)),
    containers: read.containers.map((one) => toContainer(one, user)),
  };
}

function toContainer(read: v.InferOutput<typeof ContainerField>, podUser: number | undefined): Container {
  const { name, image, command, args, workingDir, ports, volumeMounts } = read;
  const runAsUser = read.securityContext.runAsUser ?? podUser;
  return {
    name,
    image,
    command,
    args,
    workingDir,
    env: [...read.envFrom.map(toEnvSource), ...read.env.map(toEnvVar)],
    ports,
    volumeMounts,
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(read.restartPolicy === "" ? {} : { restartPolicy: read.restartPolicy }),
    ...(read.readinessProbe == null ? {} : { readiness: read.readinessProbe }),
    ...(read.livenessProbe == null ? {} : { liveness: read.livenessProbe }),
    ...(read.startupProbe == null ? {} : { startup: read.startupProbe }),
  };
}

function toEnvVar({ name, value, valueFrom }: v.InferOutput<typeof Env>): EnvVar {
  if (valueFrom == null) return { name, kind: "value", value };
  const { fieldRef, ...others } = valueFrom;
  if (fieldRef != null) return { name, kind: "field", fieldPath: fieldRef.fieldPath };
  return { name, kind: "unsupported", source: firstGiven(others) };
}

function toEnvSource(read: v.InferOutput<typeof EnvFrom>): EnvVar {
  return { name: "", kind: "unsupported", source: `envFrom ${firstGiven(read)}` };
}

function firstGiven(sources: Readonly<Record<string, unknown>>): string {
  return Object.keys(sources).find((key) => sources[key] != null) ?? "valueFrom";
}
