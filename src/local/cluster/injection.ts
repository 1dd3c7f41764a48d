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
/** Their presence counts, whatever their value. */
const EXCLUDING = ["openservicemesh.io/ignore", "control-plane"];
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
export function decideInjection(question: InjectionQuestion): Injection {
  const reason = outOfReach(question);
  return reason === undefined ? readAnnotations(question) : skip(reason);
}

function outOfReach({ namespace, hostNetwork }: InjectionQuestion): string | undefined {
  if (hostNetwork) return "the pod has hostNetwork: true";
  if (NEVER.has(namespace.name)) return `pods in ${namespace.name} get no sidecar`;
  if (namespace.labels[MONITORED_BY] === undefined) return `namespace ${namespace.name} has no label ${MONITORED_BY}`;
  const excluding = EXCLUDING.find((label) => namespace.labels[label] !== undefined);
  return excluding === undefined ? undefined : `namespace ${namespace.name} has the label ${excluding}`;
}

function readAnnotations({ namespace, annotations }: InjectionQuestion): Injection {
  const ofPod = readSwitch(annotations, SIDECAR_INJECTION);
  const ofNamespace = readSwitch(namespace.annotations, SIDECAR_INJECTION);
  const metrics = namespace.annotations[METRICS] === "" ? undefined : readSwitch(namespace.annotations, METRICS);
  if (ofPod === "invalid") return refuse("pod", SIDECAR_INJECTION, annotations);
  if (ofNamespace === "invalid") return refuse(`namespace ${namespace.name}`, SIDECAR_INJECTION, namespace.annotations);
  if (metrics === "invalid") return refuse(`namespace ${namespace.name}`, METRICS, namespace.annotations);

  if (ofPod ?? ofNamespace ?? false) return { kind: "inject", annotations: metrics === true ? SCRAPED : {} };
  if (ofPod === false) return skip(`the pod's annotation ${SIDECAR_INJECTION} says no`);
  if (ofNamespace === false) return skip(`namespace ${namespace.name}'s annotation ${SIDECAR_INJECTION} says no`);
  return skip(`neither the pod nor namespace ${namespace.name} has the annotation ${SIDECAR_INJECTION}: enabled`);
}

function readSwitch(annotations: Readonly<Record<string, string>>, name: string): boolean | "invalid" | undefined {
  const value = annotations[name]?.toLowerCase();
  if (value === undefined) return undefined;
  if (["enabled", "yes", "true"].includes(value)) return true;
  return ["disabled", "no", "false"].includes(value) ? false : "invalid";
}

function skip(reason: string): Injection {
  return { kind: "skip", reason };
}

function refuse(whose: string, name: string, annotations: Readonly<Record<string, string>>): Injection {
  return {
    kind: "refuse",
    reason: `${whose}: annotation ${name} is "${annotations[name] ?? ""}": write enabled or disabled`,
  };
}
