/**
 * How to run a command in a container, and where its log is: what another terminal needs to know.
 *
 * @module
 */
import * as v from "valibot";
import { logPath } from "../runtime/logs.ts";
import { podEnvironment } from "../runtime/pod-argv.ts";
import { ENVOY_UID } from "../runtime/ports.ts";
import type { ClusterPod } from "./cluster.ts";
import { buildEnvironment } from "./environment.ts";
import { findContainer, findPod, type NamedPod, type TargetReading } from "./pod-target.ts";

export const ExecPlan = v.object({
  pod: v.string(),
  container: v.string(),
  /** Inside the machine's process namespace, of the process that holds the pod's namespaces. */
  pid: v.number(),
  /** The whole environment. */
  env: v.record(v.string(), v.string()),
  uid: v.optional(v.number()),
  cwd: v.optional(v.string()),
});
export type ExecPlan = v.InferOutput<typeof ExecPlan>;

export interface PodTarget {
  readonly target: string;
  readonly container: string | undefined;
}

/** @param mountPoint - Where pods see their own files. */
export function planExec(asked: PodTarget, pods: readonly ClusterPod[], mountPoint: string): TargetReading<ExecPlan> {
  const found = locate(asked, pods);
  if (!found.ok) return found;
  const { pod, runner, container } = found.value;
  const { facts, template, hostname } = pod;
  const pid = runner.view().sandboxPid;
  const name = `${facts.namespace}/${facts.name}`;
  if (pid === undefined) return { ok: false, reason: `pod ${name} does not run (${runner.view().phase})` };
  const spec = [...template.spec.containers, ...template.spec.initContainers].find((one) => one.name === container);
  const uid = spec === undefined ? ENVOY_UID : spec.runAsUser;
  const env = podEnvironment(buildEnvironment(spec?.env ?? [], facts).env, { hostname, mountPoint, uid: uid ?? 0 });
  const cwd = spec?.workingDir ?? "";
  return {
    ok: true,
    value: { pod: name, container, pid, env, ...(uid === undefined ? {} : { uid }), ...(cwd === "" ? {} : { cwd }) },
  };
}

export function findLog(asked: PodTarget, pods: readonly ClusterPod[], stateDir: string): TargetReading<string> {
  const found = locate(asked, pods);
  if (!found.ok) return found;
  return { ok: true, value: logPath(stateDir, found.value.pod.facts, found.value.container) };
}

export function toNamedPod<P extends ClusterPod>(one: P): P & NamedPod {
  const { facts, owner } = one.pod;
  const { ready, terminating } = one.runner.view();
  return { ...one, namespace: facts.namespace, name: facts.name, workload: owner.name, ready, terminating };
}

function locate(
  { target, container }: PodTarget,
  pods: readonly ClusterPod[],
): TargetReading<ClusterPod & { container: string }> {
  const found = findPod(target, pods.map(toNamedPod));
  if (!found.ok) return found;
  const { pod, runner } = found.value;
  const { containers, initContainers } = pod.template.spec;
  const chosen = findContainer(container, {
    containers: containers.map(({ name }) => name),
    initContainers: initContainers.map(({ name }) => name),
    sidecar: pod.proxyUuid !== undefined,
  });
  if (!chosen.ok) return { ok: false, reason: `pod ${pod.facts.namespace}/${pod.facts.name} has ${chosen.reason}` };
  return { ok: true, value: { pod, runner, container: chosen.value } };
}
