/**
 * What a workload's controller would do next: which pods to create and which to delete. Pure; the loop asks again after
 * every change, so a plan only ever takes the next step.
 *
 * @module
 */

import type { Millis } from "../../core/base/millis.ts";
import { compareText } from "../../core/base/ref.ts";
import { backOff } from "./back-off.ts";

/** A pod that the workload owns, as far as planning is concerned. */
export interface OwnedPod {
  readonly name: string;
  /** Of the template that it was made from. */
  readonly hash: string;
  /** StatefulSet only; -1 otherwise. */
  readonly ordinal: number;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** `failed` and `succeeded` have ended for good. */
  readonly phase: "active" | "failed" | "succeeded";
  readonly createdAt: Millis;
  /** 0 unless it has ended for good. */
  readonly endedAt: Millis;
  readonly restarts: number;
}

export type Controller =
  | {
      readonly kind: "deployment";
      readonly replicas: number;
      readonly recreate: boolean;
      readonly maxSurge: number;
      readonly maxUnavailable: number;
    }
  | { readonly kind: "stateful"; readonly replicas: number; readonly parallel: boolean }
  /** A DaemonSet, of which this machine is the only node, or a bare Pod. */
  | { readonly kind: "single" }
  | { readonly kind: "job"; readonly completions: number; readonly parallelism: number; readonly backoffLimit: number };

export interface Plan {
  /** Ordinals of the pods to create; -1 where pods are not numbered. */
  readonly create: readonly number[];
  /** Names of the pods to delete. */
  readonly remove: readonly string[];
  /** Plan again at this instant although nothing changed. */
  readonly again?: Millis;
}

/** The pods of one workload, and what its pods should be now. */
export interface PlanQuestion {
  readonly controller: Controller;
  /** Of the template in force. */
  readonly hash: string;
  readonly pods: readonly OwnedPod[];
  readonly now: Millis;
}

type QuestionOf<K extends Controller["kind"]> = Omit<PlanQuestion, "controller"> & {
  readonly controller: Extract<Controller, { kind: K }>;
};

export function planPods({ controller, ...rest }: PlanQuestion): Plan {
  switch (controller.kind) {
    case "deployment":
      return planDeployment({ controller, ...rest });
    case "stateful":
      return planStateful({ controller, ...rest });
    case "single":
      return planSingle(rest);
    case "job":
      return planJob({ controller, ...rest });
  }
}

function planDeployment({ controller, hash, pods }: QuestionOf<"deployment">): Plan {
  const { replicas, recreate, maxSurge, maxUnavailable } = controller;
  const live = pods.filter(({ terminating }) => !terminating).sort(dispensableFirst);
  const fresh = live.filter((pod) => pod.hash === hash);
  const stale = live.filter((pod) => pod.hash !== hash);
  const missing = replicas - fresh.length;
  if (recreate && pods.some((pod) => pod.hash !== hash)) return { create: [], remove: stale.map(({ name }) => name) };
  const room = replicas + (stale.length > 0 ? maxSurge : 0) - live.length;
  const spare = live.filter(({ ready }) => ready).length - (replicas - maxUnavailable);
  const unready = stale.filter(({ ready }) => !ready);
  const removable = [...unready, ...stale.filter(({ ready }) => ready).slice(0, Math.max(0, spare))];
  return {
    create: Array<number>(Math.max(0, Math.min(missing, room + unready.length))).fill(-1),
    remove: [...removable, ...fresh.slice(0, Math.max(0, -missing))].map(({ name }) => name),
  };
}

// Kubernetes' order of who goes first on a scale-down: the unready, then the youngest.
function dispensableFirst(a: OwnedPod, b: OwnedPod): number {
  return Number(a.ready) - Number(b.ready) || b.createdAt - a.createdAt || compareText(b.name, a.name);
}

function planStateful({ controller, hash, pods }: QuestionOf<"stateful">): Plan {
  const { replicas, parallel } = controller;
  const live = pods.filter(({ terminating }) => !terminating).sort((a, b) => b.ordinal - a.ordinal);
  const held = new Set(pods.map(({ ordinal }) => ordinal));
  const readyOnes = new Set(live.filter(({ ready }) => ready).map(({ ordinal }) => ordinal));
  const numbers = Array.from({ length: replicas }, (_, i) => i);

  const excess = live.filter(({ ordinal }) => ordinal >= replicas);
  const missing = numbers.filter((i) => !held.has(i));
  // One of a broken template never becomes ready: waiting for it would wait for ever.
  const broken = live.filter((pod) => pod.ordinal < replicas && pod.hash !== hash && !pod.ready);
  if (parallel) return replaceOne({ create: missing, remove: [...excess, ...broken] }, live, hash);

  const settled = pods.every(({ terminating }) => !terminating);
  const next = missing[0];
  const create = next !== undefined && numbers.slice(0, next).every((i) => readyOnes.has(i)) ? [next] : [];
  const remove = settled ? [...excess.slice(0, 1), ...broken.slice(0, 1)] : [];
  const idle = settled && missing.length === 0 && readyOnes.size === live.length;
  return idle ? replaceOne({ create, remove }, live, hash) : { create, remove: remove.map(({ name }) => name) };
}

// A new template replaces the highest ordinal first, one at a time, and only while all the others are ready.
function replaceOne(
  step: { create: readonly number[]; remove: readonly OwnedPod[] },
  live: readonly OwnedPod[],
  hash: string,
): Plan {
  const quiet = step.create.length === 0 && step.remove.length === 0 && live.every(({ ready }) => ready);
  const stale = quiet ? live.filter((pod) => pod.hash !== hash).slice(0, 1) : [];
  return { create: step.create, remove: [...step.remove, ...stale].map(({ name }) => name) };
}

function planSingle({ hash, pods }: Pick<PlanQuestion, "hash" | "pods">): Plan {
  if (pods.length === 0) return { create: [-1], remove: [] };
  return { create: [], remove: pods.filter((pod) => !pod.terminating && pod.hash !== hash).map(({ name }) => name) };
}

function planJob({ controller, hash, pods, now }: QuestionOf<"job">): Plan {
  const { completions, parallelism, backoffLimit } = controller;
  const stale = pods.filter((pod) => pod.hash !== hash);
  if (stale.length > 0)
    return { create: [], remove: stale.filter(({ terminating }) => !terminating).map(({ name }) => name) };
  const active = pods.filter(({ phase, terminating }) => phase === "active" && !terminating);
  const succeeded = pods.filter(({ phase }) => phase === "succeeded").length;
  const failed = pods.filter(({ phase }) => phase === "failed");
  const failures = failed.length + pods.reduce((sum, { restarts }) => sum + restarts, 0);
  if (failures > backoffLimit) return { create: [], remove: active.map(({ name }) => name) };
  const wanted = Math.min(parallelism, completions - succeeded);
  if (active.length >= wanted) return { create: [], remove: active.slice(Math.max(0, wanted)).map(({ name }) => name) };
  const notBefore =
    failed.length === 0 ? 0 : Math.max(...failed.map(({ endedAt }) => endedAt)) + backOff(failed.length + 1);
  if (now < notBefore) return { create: [], remove: [], again: notBefore };
  return { create: Array<number>(wanted - active.length).fill(-1), remove: [] };
}
