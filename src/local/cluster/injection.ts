/**
 * Whether a pod gets a sidecar. OSM's rules in OSM's order (platform spec 2.3), the webhook's namespace filter included.
 *
 * @module
 */
import { MESH_NAMESPACE } from "./ports.ts";

/** `refuse`: in a cluster the webhook would reject the pod. `annotations` go onto the pod. */
export type Injection =
  | { readonly kind: "inject"; readonly annotations: Readonly<Record<string, string>> }
  | { readonly kind: "skip"; readonly reason: string }
  | { readonly kind: "refuse"; readonly reason: string };

export interface InjectionQuestion {
  readonly namespace: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly annotations: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
}

export const MONITORED_BY = "openservicemesh.io/monitored-by";
const IGNORE = "openservicemesh.io/ignore";
const SIDECAR_INJECTION = "openservicemesh.io/sidecar-injection";
const METRICS = "openservicemesh.io/metrics";
/** Where Envoy's statistics are to be read (platform spec 3.3, step 5). */
const SCRAPED = {
  "prometheus.io/scrape": "true",
  "prometheus.io/port": "15010",
  "prometheus.io/path": "/stats/prometheus",
} as const;
const NEVER = new Set(["kube-system", "kube-public", MESH_NAMESPACE]);

/** Decides for one pod at its creation. Never throws. */
export function decideInjection({ namespace, annotations, hostNetwork }: InjectionQuestion): Injection {
  if (hostNetwork) return skip("the pod has hostNetwork: true");
  if (NEVER.has(namespace.name)) return skip(`pods in ${namespace.name} get no sidecar`);
  if (namespace.labels[MONITORED_BY] === undefined)
    return skip(`namespace ${namespace.name} has no label ${MONITORED_BY}`);
  if (namespace.labels[IGNORE] !== undefined) return skip(`namespace ${namespace.name} has the label ${IGNORE}`);
  if (namespace.labels["control-plane"] !== undefined)
    return skip(`namespace ${namespace.name} has the label control-plane`);

  const ofPod = readSwitch(annotations[SIDECAR_INJECTION]);
  if (ofPod === "invalid") return refuse("pod", annotations[SIDECAR_INJECTION]);
  const ofNamespace = readSwitch(namespace.annotations[SIDECAR_INJECTION]);
  if (ofNamespace === "invalid") return refuse(`namespace ${namespace.name}`, namespace.annotations[SIDECAR_INJECTION]);

  const metrics = readSwitch(namespace.annotations[METRICS] || undefined);
  if (metrics === "invalid") return refuse(`namespace ${namespace.name}`, namespace.annotations[METRICS], METRICS);

  if (ofPod ?? ofNamespace ?? false) return { kind: "inject", annotations: metrics === true ? SCRAPED : {} };
  if (ofPod === false) return skip(`the pod's annotation ${SIDECAR_INJECTION} says no`);
  if (ofNamespace === false) return skip(`namespace ${namespace.name}'s annotation ${SIDECAR_INJECTION} says no`);
  return skip(`neither the pod nor namespace ${namespace.name} has the annotation ${SIDECAR_INJECTION}: enabled`);
}

function readSwitch(value: string | undefined): boolean | "invalid" | undefined {
  if (value === undefined) return undefined;
  const lower = value.toLowerCase();
  if (["enabled", "yes", "true"].includes(lower)) return true;
  return ["disabled", "no", "false"].includes(lower) ? false : "invalid";
}

function skip(reason: string): Injection {
  return { kind: "skip", reason };
}

function refuse(whose: string, value: string | undefined): Injection {
  return {
    kind: "refuse",
    reason: `${whose}: annotation ${SIDECAR_INJECTION} is "${value ?? ""}": write enabled or disabled`,
  };
}
