/**
 * Whether a pod gets a sidecar. OSM's rules in OSM's order (platform spec 2.3), the webhook's namespace filter included.
 *
 * @module
 */
import { MONITORED_BY } from "../model/namespace.ts";
import { readSwitch, wrongSwitch } from "./switch.ts";

/** `refuse`: the webhook rejects the pod. `annotations` go onto the pod. */
export type Injection =
  | { readonly kind: "inject"; readonly annotations: Readonly<Record<string, string>> }
  /** `surprising`: a sidecar was asked for, and this pod cannot have one. */
  | { readonly kind: "skip"; readonly reason: string; readonly surprising: boolean }
  | { readonly kind: "refuse"; readonly reason: string };

export interface InjectionQuestion {
  readonly namespace: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly annotations: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  /** Left out: the label of any mesh will do. */
  readonly meshName?: string;
  readonly meshNamespace?: string;
}

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
const SYSTEM_NAMESPACES = ["kube-system", "kube-public"];
const DEFAULT_MESH_NAMESPACE = "osm-system";

/** Decides for one pod at its creation. Never throws. */
export function decideInjection(question: InjectionQuestion): Injection {
  if (question.hostNetwork) {
    const { kind } = decideInjection({ ...question, hostNetwork: false });
    // Its redirection would be the node's own: every connection of the node would end at this pod's proxy.
    return { ...skip("the pod has hostNetwork: true"), surprising: kind === "inject" };
  }
  const reason = outOfReach(question);
  return reason === undefined ? readAnnotations(question) : skip(reason);
}

function outOfReach({ namespace, meshName, meshNamespace = DEFAULT_MESH_NAMESPACE }: InjectionQuestion) {
  if ([...SYSTEM_NAMESPACES, meshNamespace].includes(namespace.name)) return `pods in ${namespace.name} get no sidecar`;
  const monitoredBy = namespace.labels[MONITORED_BY];
  if (monitoredBy === undefined) return `namespace ${namespace.name} has no label ${MONITORED_BY}`;
  if (meshName !== undefined && monitoredBy !== meshName)
    return `namespace ${namespace.name} is of mesh "${monitoredBy}", not of "${meshName}"`;
  const excluding = EXCLUDING.find((label) => namespace.labels[label] !== undefined);
  return excluding === undefined ? undefined : `namespace ${namespace.name} has the label ${excluding}`;
}

function readAnnotations({ namespace, annotations }: InjectionQuestion): Injection {
  const ofPod = readSwitch(annotations, SIDECAR_INJECTION);
  const ofNamespace = readSwitch(namespace.annotations, SIDECAR_INJECTION);
  if (ofPod === "invalid") return refuse("pod", SIDECAR_INJECTION, annotations);
  if (ofNamespace === "invalid") return refuse(`namespace ${namespace.name}`, SIDECAR_INJECTION, namespace.annotations);
  if (ofPod ?? ofNamespace ?? false) return withMetrics(namespace);
  if (ofPod === false) return skip(`the pod's annotation ${SIDECAR_INJECTION} says no`);
  if (ofNamespace === false) return skip(`namespace ${namespace.name}'s annotation ${SIDECAR_INJECTION} says no`);
  return skip(`neither the pod nor namespace ${namespace.name} has the annotation ${SIDECAR_INJECTION}: enabled`);
}

function withMetrics({ name, annotations }: InjectionQuestion["namespace"]): Injection {
  const metrics = annotations[METRICS] === "" ? undefined : readSwitch(annotations, METRICS);
  if (metrics === "invalid") return refuse(`namespace ${name}`, METRICS, annotations);
  return { kind: "inject", annotations: metrics === true ? SCRAPED : {} };
}

function skip(reason: string) {
  return { kind: "skip", reason, surprising: false } as const;
}

function refuse(whose: string, name: string, annotations: Readonly<Record<string, string>>): Injection {
  return { kind: "refuse", reason: `${whose}: ${wrongSwitch(annotations, name)}` };
}
