/**
 * Snapshot → graph: every reference resolved, so that no later stage looks anything up by name.
 *
 * [TrafficTarget] → [account] → [pods] ← [Service] ← [TrafficSplit]
 *
 * @module
 */
import { type Finding, finding, tidyFindings } from "../base/finding.ts";
import { memoLast } from "../base/memo.ts";
import { keyOf, type NamespacedName } from "../base/ref.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../model/mesh-config.ts";
import { MONITORED_BY } from "../model/namespace.ts";
import type { KindName, ObjectOf } from "../model/object.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { authorizationFindings } from "./authorization.ts";
import { type EgressNode, linkEgress } from "./egress.ts";
import { type IngressNode, linkIngress } from "./ingress.ts";
import { podsBehind } from "./injected.ts";
import { indexPods, type PodIndex } from "./pods.ts";
import { type LinkedRetries, linkRetries } from "./retries.ts";
import type { ServiceNode } from "./service-node.ts";
import { linkServices } from "./services.ts";
import { MESH_CONFIG_NAME, type MeshSettings } from "./settings.ts";
import { linkSplits, type SplitNode } from "./splits.ts";
import { linkTargets, type TargetNode } from "./targets.ts";
import { type LinkedTelemetries, linkTelemetries } from "./telemetry.ts";
import { type LinkedSettings, linkSettings } from "./upstream-settings.ts";

export interface MeshGraph {
  readonly settings: MeshSettings;
  readonly config: MeshConfig;
  readonly pods: PodIndex;
  /** Sorted by namespace and name. */
  readonly services: readonly ServiceNode[];
  /** The services that lead to pods of an account, by `namespace/account`; sorted. */
  readonly servicesOf: ReadonlyMap<string, readonly ServiceNode[]>;
  /** TrafficTargets by the account that they open, and by the accounts that may call; sorted. */
  readonly targetsTo: ReadonlyMap<string, readonly TargetNode[]>;
  readonly targetsFrom: ReadonlyMap<string, readonly TargetNode[]>;
  /** By the root's `namespace/name`, and by the `namespace/name` of each backend. */
  readonly splits: ReadonlyMap<string, SplitNode>;
  readonly splitsOver: ReadonlyMap<string, readonly SplitNode[]>;
  /** Egress objects by the account that they are for; the oldest first. */
  readonly egressFrom: ReadonlyMap<string, readonly EgressNode[]>;
  /** IngressBackends by the `namespace/name` of the Service that they open; the oldest first. */
  readonly ingressTo: ReadonlyMap<string, readonly IngressNode[]>;
  /** By the caller's account, then by the Service. */
  readonly retriesFrom: LinkedRetries["from"];
  /** By the Service. */
  readonly upstreamSettings: LinkedSettings["byService"];
  /** Which Telemetry is in force for a pod. */
  readonly telemetryOf: LinkedTelemetries["telemetryOf"];
}

export function buildGraph(
  snapshot: Snapshot,
  settings: MeshSettings,
): { readonly graph: MeshGraph; readonly findings: readonly Finding[] } {
  const isMember = membership(snapshot.objects.Namespace, settings.meshName);
  const pods = indexPods(snapshot.objects.Pod, isMember);
  const linked = linkServices(snapshot, pods.index, isMember);
  const byKey = new Map(linked.services.map((service) => [keyOf(service), service]));
  const members = <K extends KindName>(kind: K): readonly ObjectOf<K>[] =>
    [...snapshot.objects[kind].values()].filter(({ meta }) => isMember(meta.namespace));
  const splits = linkSplits(members("TrafficSplit"), byKey);
  const targets = linkTargets(snapshot, isMember);
  const config = configOf(snapshot, settings);
  const egress = linkEgress(snapshot, config, isMember);
  const ingress = linkIngress(snapshot, config, byKey, isMember);
  const retries = linkRetries(members("Retry"), config, byKey);
  const upstreams = linkSettings({
    settings: members("UpstreamTrafficSetting"),
    egresses: members("Egress"),
    services: byKey,
  });
  const telemetries = linkTelemetries(
    snapshot.objects.Telemetry,
    snapshot.objects.ExtensionService,
    pods.index,
    settings.meshNamespace,
  );
  const graph: MeshGraph = {
    settings,
    config,
    pods: pods.index,
    services: linked.services,
    servicesOf: groupBy(linked.services, (service) => service.accounts),
    targetsTo: groupBy(targets.targets, (target) => [target.destination]),
    targetsFrom: groupBy(targets.targets, (target) => target.sources),
    splits: splits.byRoot,
    splitsOver: groupBy([...splits.byRoot.values()], ({ backends }) => backends.map(({ service }) => service)),
    egressFrom: groupBy(egress.nodes, ({ sources }) => sources),
    ingressTo: groupBy(ingress.nodes, ({ namespace, service: name }) => [{ namespace, name }]),
    retriesFrom: retries.from,
    upstreamSettings: upstreams.byService,
    telemetryOf: telemetries.telemetryOf,
  };
  const findings = [
    ...pods.findings,
    ...linked.findings,
    ...splits.findings,
    ...targets.findings,
    ...egress.findings,
    ...ingress.findings,
    ...retries.findings,
    ...upstreams.findings,
    ...telemetries.findings,
    ...authorizationFindings(config, linked.services),
    ...strayConfigs(snapshot, settings),
    ...podsBehind(pods.index, graph.config),
  ];
  return { graph, findings: tidyFindings(findings) };
}

const membership = memoLast(
  (namespaces: Snapshot["objects"]["Namespace"], meshName: string): ((namespace: string) => boolean) => {
    const members = new Set<string>();
    for (const { meta } of namespaces.values()) if (meta.labels[MONITORED_BY] === meshName) members.add(meta.name);
    return (namespace) => members.has(namespace);
  },
);

function configOf(snapshot: Snapshot, { meshNamespace }: MeshSettings): MeshConfig {
  return (
    snapshot.objects.MeshConfig.get(keyOf({ namespace: meshNamespace, name: MESH_CONFIG_NAME })) ?? DEFAULT_MESH_CONFIG
  );
}

/** MeshConfigs that are not the one in force. */
export function strayConfigs(snapshot: Snapshot, { meshNamespace }: MeshSettings): readonly Finding[] {
  return [...snapshot.objects.MeshConfig.values()]
    .filter(({ meta }) => meta.namespace !== meshNamespace || meta.name !== MESH_CONFIG_NAME)
    .map(({ kind, meta }) =>
      finding(
        "mesh-config-name",
        { kind, ...meta },
        "metadata",
        `${keyOf(meta)} has no effect: only ${meshNamespace}/${MESH_CONFIG_NAME} has`,
      ),
    );
}

function groupBy<T>(
  items: readonly T[],
  namesOf: (item: T) => readonly NamespacedName[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const name of namesOf(item)) {
      const key = keyOf(name);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
  }
  return groups;
}
