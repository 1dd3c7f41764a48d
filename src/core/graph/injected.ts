/**
 * Pods that run with other values than the MeshConfig has now: they need to be replaced.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { memoLast } from "../base/memo.ts";
import { keyOf } from "../base/ref.ts";
import { INJECTED_SETTINGS, type Outdated, outdatedSettings } from "../model/injected-settings.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import type { PodIndex } from "./pods.ts";

/** In one finding: a name for whoever looks, not a list of the cluster. */
const MOST_NAMES = 10;
/** Of a value in a message: a pod's author can write anything into an annotation. */
const MOST_TEXT = 80;

interface Behind {
  readonly pod: string;
  readonly setting: Outdated;
}

/** One finding a field, whatever the number of pods. The same value for as long as neither pods nor MeshConfig change. */
export const podsBehind: (pods: PodIndex, config: MeshConfig) => readonly Finding[] = memoLast(findBehind);

function findBehind(pods: PodIndex, config: MeshConfig): readonly Finding[] {
  // A thousand pods of a mesh were injected with a handful of settings.
  const read = new Map<string, readonly Outdated[]>();
  const behind: Behind[] = [];
  for (const pod of pods.byProxy.values()) {
    const text = pod.meta.annotations[INJECTED_SETTINGS];
    if (text === undefined || pod.terminating) continue;
    const outdated = read.get(text) ?? outdatedSettings(config, text);
    read.set(text, outdated);
    for (const setting of outdated) behind.push({ pod: keyOf(pod.meta), setting });
  }
  const byField = Map.groupBy(behind, ({ setting }) => setting.path);
  return [...byField].map(([path, those]) =>
    finding("pods-need-restart", { kind: "MeshConfig", ...config.meta }, path, messageFor(those)),
  );
}

function messageFor(behind: readonly Behind[]): string {
  const sorted = behind.toSorted((a, b) => (a.pod < b.pod ? -1 : 1));
  const named = sorted.slice(0, MOST_NAMES).map(({ pod, setting }) => `${pod} (${short(setting.injected)})`);
  const more = sorted.length - named.length;
  const now = short(sorted[0]?.setting.now ?? "");
  const those = sorted.length === 1 ? "1 pod was" : `${sorted.length} pods were`;
  const list = [...named, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
  return `is ${now}, but ${those} injected with another value: ${list}; restart them`;
}

function short(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}…`;
}
