/**
 * The environment and the command of a container, as kubelet makes them from the pod.
 *
 * @module
 */
import type { WorkloadName } from "../../core/base/workload.ts";
import type { Container, EnvVar } from "../../core/model/pod-spec.ts";

/** What `fieldRef` can read. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly nodeName: string;
  readonly ip: string;
  readonly hostIp: string;
  /** What made the pod; absent of a pod that was written as one. */
  readonly workload?: WorkloadName;
}

export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  /** One line per variable that could not be given its value. */
  readonly warnings: readonly string[];
}

/** Evaluates variables in order: a value may use those above it as `$(NAME)`. */
export function buildEnvironment(vars: readonly EnvVar[], facts: PodFacts): Environment {
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  for (const one of vars) {
    const value = readValue(one, facts);
    if (value.ok) env[one.name] = one.kind === "value" ? expand(value.text, env) : value.text;
    else warnings.push(`environment variable ${one.name} is not set: ${value.reason}`);
  }
  return { env, warnings };
}

/** Command and arguments with `$(NAME)` replaced. Empty if the container names no command. */
export function buildCommand({ command, args }: Container, env: Readonly<Record<string, string>>): readonly string[] {
  return command.length === 0 ? [] : [...command, ...args].map((word) => expand(word, env));
}

/** Kubernetes' rule: `$(NAME)` of a known variable is replaced, of an unknown one stays, `$$` is a dollar sign. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole: string, name: string | undefined) => {
    if (name === undefined) return "$";
    return Object.hasOwn(env, name) ? (env[name] ?? whole) : whole;
  });
}

type Value = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

function readValue(one: EnvVar, facts: PodFacts): Value {
  switch (one.kind) {
    case "value":
      return { ok: true, text: one.value };
    case "unsupported":
      return { ok: false, reason: `osm local has no ${one.source}: write the value itself` };
    case "field": {
      const text = fieldOf(one.fieldPath, facts);
      return text === undefined
        ? { ok: false, reason: `${one.fieldPath} is not a field of pods here` }
        : { ok: true, text };
    }
  }
}

function fieldOf(path: string, facts: PodFacts): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === "labels" ? facts.labels : facts.annotations)[keyed[2] ?? ""] ?? "";
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": facts.name,
    "metadata.namespace": facts.namespace,
    "metadata.uid": facts.uid,
    "spec.serviceAccountName": facts.serviceAccount,
    "spec.nodeName": facts.nodeName,
    "status.podIP": facts.ip,
    "status.podIPs": facts.ip,
    "status.hostIP": facts.hostIp,
  };
  return Object.hasOwn(fields, path) ? fields[path] : undefined;
}
