/**
 * Telemetries → which of them is in force for a pod (dataplane spec 2.16).
 *
 * Of the pod's own namespace and of the mesh's, in this order: one of its namespace that selects it, one of the mesh's
 * that selects it, one of its namespace for all pods, one of the mesh's for all pods. Of two alike the oldest, then the
 * first by name. OSM took the first that selected the pod from whatever namespace, so that anybody could send anybody's
 * logs elsewhere. A Telemetry without `accessLog` says nothing, and is passed over.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { memoLast } from "../base/memo.ts";
import { keyOf } from "../base/ref.ts";
import type { ExtensionService } from "../model/extension-service.ts";
import { refOf } from "../model/object.ts";
import type { Pod } from "../model/pod.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { AccessLog, Telemetry } from "../model/telemetry.ts";
import type { PodIndex } from "./pods.ts";
import { oldestFirst } from "./precedence.ts";

export interface TelemetryNode {
  readonly namespace: string;
  readonly name: string;
  readonly format: AccessLog["format"];
  /** Absent: none is asked for, or the ExtensionService is missing. */
  readonly collector?: {
    readonly service: ExtensionService;
    /** Sorted by key. */
    readonly attributes: Readonly<Record<string, string>>;
  };
}

export interface LinkedTelemetries {
  /** The one that is in force for a pod of the mesh. */
  readonly telemetryOf: (pod: Pod) => TelemetryNode | undefined;
  readonly findings: readonly Finding[];
}

type Objects = Snapshot["objects"];

/** The same value for as long as none of these changes: most changes are of something else. */
export const linkTelemetries: (
  telemetries: Objects["Telemetry"],
  services: Objects["ExtensionService"],
  pods: PodIndex,
  meshNamespace: string,
) => LinkedTelemetries = memoLast((telemetries, services, pods, meshNamespace) => {
  const findings: Finding[] = [];
  const scopes = new Map<string, Scope>();
  for (const telemetry of [...telemetries.values()].sort(oldestFirst)) {
    const { accessLog, meta } = telemetry;
    if (accessLog === undefined) continue;
    const scope = scopes.get(meta.namespace) ?? { selecting: [], general: [] };
    scopes.set(meta.namespace, scope);
    const node = linkTelemetry(telemetry, accessLog, services, findings);
    scope[selects(telemetry) ? "selecting" : "general"].push({ telemetry, node });
  }
  for (const [namespace, scope] of scopes) findings.push(...losers(scope, podsOf(pods, namespace, meshNamespace)));
  const global = scopes.get(meshNamespace);
  return {
    findings,
    telemetryOf: (pod) => {
      const own = scopes.get(pod.meta.namespace);
      const first = own?.selecting.find(isFor(pod)) ?? global?.selecting.find(isFor(pod));
      return (first ?? own?.general[0] ?? global?.general[0])?.node;
    },
  };
});

interface Candidate {
  readonly telemetry: Telemetry;
  readonly node: TelemetryNode;
}

/** The Telemetries of a namespace, the oldest first: those for some pods, and those for all. */
interface Scope {
  readonly selecting: Candidate[];
  readonly general: Candidate[];
}

function selects({ selector }: Telemetry): boolean {
  return Object.keys(selector).length > 0;
}

function isFor({ meta }: Pod): (candidate: Candidate) => boolean {
  return ({ telemetry }) => Object.entries(telemetry.selector).every(([name, value]) => meta.labels[name] === value);
}

function linkTelemetry(
  telemetry: Telemetry,
  { format, openTelemetry }: AccessLog,
  services: Objects["ExtensionService"],
  findings: Finding[],
): TelemetryNode {
  const { namespace, name } = telemetry.meta;
  if (openTelemetry === undefined) return { namespace, name, format };
  const { extensionService, attributes } = openTelemetry;
  const service = services.get(keyOf(extensionService));
  if (service === undefined) {
    const message = `no ExtensionService ${keyOf(extensionService)}: create it, or name the one that is meant`;
    const path = "spec.accessLog.openTelemetry.extensionService";
    findings.push(finding("extension-service-missing", refOf(telemetry), path, message));
    return { namespace, name, format };
  }
  return { namespace, name, format, collector: { service, attributes } };
}

/** The pods that a Telemetry of a namespace can be for. */
function podsOf(pods: PodIndex, namespace: string, meshNamespace: string): readonly Pod[] {
  const all = [...pods.byKey.values()];
  return namespace === meshNamespace ? all : all.filter(({ meta }) => meta.namespace === namespace);
}

function losers({ selecting, general }: Scope, pods: readonly Pod[]): readonly Finding[] {
  const [winner, ...others] = general;
  const whole = winner === undefined ? [] : others.map((loser) => lost(loser, winner, "all pods here", ""));
  if (selecting.length < 2) return whole;
  const claimed = new Map<Candidate, readonly [Candidate, Pod]>();
  for (const pod of pods) {
    const [first, ...rest] = selecting.filter(isFor(pod));
    for (const loser of rest) if (first !== undefined && !claimed.has(loser)) claimed.set(loser, [first, pod]);
  }
  const some = [...claimed].map(([loser, [first, pod]]) => lost(loser, first, `pod ${keyOf(pod.meta)}`, "selector"));
  return [...whole, ...some];
}

function lost({ telemetry }: Candidate, winner: Candidate, what: string, field: "selector" | ""): Finding {
  const message = `Telemetry ${keyOf(winner.telemetry.meta)} is for ${what} too and is older or first by name: merge the two`;
  return finding("telemetry-duplicate", refOf(telemetry), field === "" ? "spec" : `spec.${field}`, message);
}
