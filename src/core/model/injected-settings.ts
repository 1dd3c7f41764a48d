/**
 * The part of a MeshConfig that a pod gets when it is injected and keeps until it is replaced.
 *
 * The injector writes it on the pod, so that a pod that runs with other values than the MeshConfig's can be named.
 *
 * @module
 */
import { memoLast } from "../base/memo.ts";
import { isRecord } from "./fields.ts";
import type { MeshConfig } from "./mesh-config.ts";

/** Ours: JSON, value by field of the MeshConfig's `spec`. */
export const INJECTED_SETTINGS = "openservicemesh.io/injected-settings";

/** Compact JSON by the field's path in `spec`. Values compare as texts: the schema gives equal ones one order of keys. */
type Settings = ReadonlyMap<string, string>;

const settingsOf = memoLast(({ sidecar, traffic }: Pick<MeshConfig, "sidecar" | "traffic">): Settings => {
  const values: Readonly<Record<string, unknown>> = {
    "sidecar.enablePrivilegedInitContainer": sidecar.enablePrivilegedInitContainer,
    "sidecar.envoyImage": sidecar.envoyImage,
    "sidecar.envoyWindowsImage": sidecar.envoyWindowsImage,
    "sidecar.initContainerImage": sidecar.initContainerImage,
    "sidecar.localProxyMode": sidecar.localProxyMode,
    "sidecar.logLevel": sidecar.logLevel,
    "sidecar.resources": sidecar.resources,
    "traffic.inboundPortExclusionList": traffic.inboundPortExclusionList,
    "traffic.networkInterfaceExclusionList": traffic.networkInterfaceExclusionList,
    "traffic.outboundIPRangeExclusionList": traffic.outboundIPRangeExclusionList,
    "traffic.outboundIPRangeInclusionList": traffic.outboundIPRangeInclusionList,
    "traffic.outboundPortExclusionList": traffic.outboundPortExclusionList,
  };
  return new Map(Object.entries(values).map(([field, value]) => [field, JSON.stringify(value)]));
});

const WINDOWS_ONLY = ["sidecar.envoyWindowsImage"];
const LINUX_ONLY = [
  "sidecar.enablePrivilegedInitContainer",
  "sidecar.envoyImage",
  "sidecar.initContainerImage",
  "sidecar.localProxyMode",
  "traffic.inboundPortExclusionList",
  "traffic.networkInterfaceExclusionList",
  "traffic.outboundIPRangeExclusionList",
  "traffic.outboundIPRangeInclusionList",
  "traffic.outboundPortExclusionList",
];

export type PodSystem = "linux" | "windows";

/** The annotation to write: what of the MeshConfig a pod of this system gets. */
export function recordInjected(config: MeshConfig, system: PodSystem): Readonly<Record<string, string>> {
  const notForIt = system === "windows" ? LINUX_ONLY : WINDOWS_ONLY;
  const kept = [...settingsOf(config)].filter(([field]) => !notForIt.includes(field));
  return { [INJECTED_SETTINGS]: `{${kept.map(([field, value]) => `${JSON.stringify(field)}:${value}`).join(",")}}` };
}

export interface Outdated {
  /** Path in the MeshConfig: `spec.sidecar.logLevel`. */
  readonly path: string;
  /** Compact JSON. */
  readonly now: string;
  readonly injected: string;
}

/** The fields that a pod has another value of than `config`. None where the pod says nothing, or nothing readable. */
export function outdatedSettings(config: MeshConfig, annotation: string): readonly Outdated[] {
  const injected = readRecord(annotation);
  return [...settingsOf(config)].flatMap(([field, now]) => {
    const value = injected[field];
    const before = value === undefined ? now : JSON.stringify(value);
    return before === now ? [] : [{ path: `spec.${field}`, now, injected: before }];
  });
}

function readRecord(text: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(text);
    return isRecord(read) ? read : {};
  } catch {
    return {};
  }
}
