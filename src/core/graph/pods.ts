/**
 * The pods of the mesh, found by address, by labels, by service account and by proxy.
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { proxyKey } from "../base/identity.ts";
import { memoLast } from "../base/memo.ts";
import { compareNames, keyOf } from "../base/ref.ts";
import type { Pod } from "../model/pod.ts";

export interface PodIndex {
  readonly byAddress: ReadonlyMap<string, Pod>;
  readonly byKey: ReadonlyMap<string, Pod>;
  /** Keys `namespace/account`. */
  readonly byAccount: ReadonlyMap<string, readonly Pod[]>;
  /** By `proxyKey`. One that two pods of one account claim is not here: identity fails closed. */
  readonly byProxy: ReadonlyMap<string, Pod>;
  /** Whether anybody reads the statistics of any proxy. */
  readonly someScraped: boolean;
  /** Pods of `namespace` whose labels hold all of `selector`, sorted by name. An empty selector selects none. */
  select(namespace: string, selector: Readonly<Record<string, string>>): readonly Pod[];
}

/** Whether Prometheus reads the statistics of a pod's proxy: the annotation as Go reads a boolean, as OSM did. */
export function isScraped({ meta }: Pod): boolean {
  return ["1", "t", "T", "TRUE", "true", "True"].includes(meta.annotations["prometheus.io/scrape"] ?? "");
}

export function accountOf(pod: Pod): string {
  return keyOf({ namespace: pod.meta.namespace, name: pod.serviceAccount });
}

interface IndexedPods {
  readonly index: PodIndex;
  readonly findings: readonly Finding[];
}

/** The same value for as long as no pod and no membership changes: most changes are of neither. */
export const indexPods: (pods: ReadonlyMap<string, Pod>, isMember: (namespace: string) => boolean) => IndexedPods =
  memoLast(build);

function build(pods: ReadonlyMap<string, Pod>, isMember: (namespace: string) => boolean): IndexedPods {
  // Sorted, so that nothing below depends on the order in which pods were told of.
  const members = [...pods.values()]
    .filter((pod) => isMember(pod.meta.namespace) && pod.phase !== "Succeeded" && pod.phase !== "Failed")
    .sort((a, b) => compareNames(a.meta, b.meta));
  const byLabel = groupBy(members, labelKeys);
  const proxies = groupBy(members, (pod) => (pod.proxyUuid === undefined ? [] : [pod.proxyUuid]));
  const claims = groupBy(members, (pod) => proxyOf(pod) ?? []);
  const clashes = [...proxies.values()].filter((sharing) => sharing.length > 1);
  const index: PodIndex = {
    // A pod that is going away may already have given its address to another: the living one counts.
    byAddress: new Map([...members].sort(terminatingFirst).flatMap((pod) => pod.ips.map((ip) => [ip, pod] as const))),
    byKey: new Map(members.map((pod) => [keyOf(pod.meta), pod])),
    byAccount: groupBy(members, (pod) => [accountOf(pod)]),
    byProxy: new Map(
      [...claims].flatMap(([key, [first, second]]) => (first && !second ? [[key, first] as const] : [])),
    ),
    someScraped: members.some((pod) => pod.proxyUuid !== undefined && isScraped(pod)),
    select: (namespace, selector) => selectPods(byLabel, namespace, selector),
  };
  return { index, findings: clashes.flatMap(clashFindings) };
}

function proxyOf(pod: Pod): readonly string[] | undefined {
  if (pod.proxyUuid === undefined) return undefined;
  const serviceAccount = { namespace: pod.meta.namespace, name: pod.serviceAccount };
  return [proxyKey({ uuid: pod.proxyUuid, serviceAccount })];
}

function selectPods(
  byLabel: ReadonlyMap<string, readonly Pod[]>,
  namespace: string,
  selector: Readonly<Record<string, string>>,
): readonly Pod[] {
  const wanted = Object.entries(selector);
  const candidates = wanted.map(([name, value]) => byLabel.get(labelKey(namespace, name, value)) ?? []);
  // The rarest label first: a cost of the pods that could match, not of all pods.
  const [fewest] = candidates.sort((a, b) => a.length - b.length);
  return (fewest ?? []).filter((pod) => wanted.every(([name, value]) => pod.meta.labels[name] === value));
}

function labelKeys({ meta }: Pod): readonly string[] {
  return Object.entries(meta.labels).map(([name, value]) => labelKey(meta.namespace, name, value));
}

function labelKey(namespace: string, name: string, value: string): string {
  return `${namespace}\n${name}\n${value}`;
}

function groupBy(pods: readonly Pod[], keysOf: (pod: Pod) => readonly string[]): Map<string, Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    for (const key of keysOf(pod)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [pod]);
      else group.push(pod);
    }
  }
  return groups;
}

function terminatingFirst(a: Pod, b: Pod): number {
  return Number(b.terminating) - Number(a.terminating);
}

function clashFindings(sharing: readonly Pod[]): readonly Finding[] {
  const names = sharing.map((pod) => keyOf(pod.meta)).join(" and ");
  return sharing.map((pod) =>
    finding(
      "pod-uuid-duplicate",
      { kind: "Pod", ...pod.meta },
      "metadata.labels[osm-proxy-uuid]",
      `${names} carry the same uuid ${pod.proxyUuid ?? ""}: delete all but one, so that each proxy is one pod`,
    ),
  );
}
