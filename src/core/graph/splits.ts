/**
 * TrafficSplits → which backends stand for a root Service (dataplane spec 2.11, with every spelling of the root).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { memoByParts } from "../base/memo.ts";
import { compareNames, keyOf } from "../base/ref.ts";
import { refOf } from "../model/object.ts";
import type { TrafficSplit } from "../model/traffic-split.ts";
import { oldestFirst } from "./precedence.ts";
import type { ServiceNode } from "./service-node.ts";

export interface SplitBackendNode {
  readonly service: ServiceNode;
  readonly weight: number;
}

export interface SplitNode {
  readonly root: ServiceNode;
  /** Sorted by name. A root among its own backends is allowed. */
  readonly backends: readonly SplitBackendNode[];
}

export interface LinkedSplits {
  /** By the root's `namespace/name`. */
  readonly byRoot: ReadonlyMap<string, SplitNode>;
  readonly findings: readonly Finding[];
}

export function linkSplits(splits: Iterable<TrafficSplit>, services: ReadonlyMap<string, ServiceNode>): LinkedSplits {
  const byRoot = new Map<string, SplitNode>();
  const winners = new Map<string, TrafficSplit>();
  const findings: Finding[] = [];
  for (const split of [...splits].sort(oldestFirst)) {
    const root = findRoot(split, services, findings);
    if (root === undefined) continue;
    const winner = winners.get(keyOf(root));
    if (winner !== undefined) {
      const message = `TrafficSplit ${keyOf(winner.meta)} already splits ${keyOf(root)} and is older or first by name: merge the two`;
      findings.push(finding("split-duplicate", refOf(split), "spec.service", message));
      continue;
    }
    winners.set(keyOf(root), split);
    byRoot.set(keyOf(root), sameAsLast(split, { root, backends: linkBackends(split, root, services, findings) }));
  }
  findings.push(...[...winners].flatMap(([rootKey, split]) => recursions(rootKey, split, byRoot)));
  return { byRoot, findings };
}

const lastNode = memoByParts<TrafficSplit, SplitNode>();

/** The last node of this TrafficSplit, if it is the same: later stages compare nodes by reference. */
function sameAsLast(split: TrafficSplit, node: SplitNode): SplitNode {
  const { root, backends } = node;
  return lastNode(split, [root, ...backends.flatMap(({ service, weight }) => [service, weight])], () => node);
}

const SUFFIXES = new Set(["", "svc", "svc.cluster", "svc.cluster.local"]);

/**
 * Reads the root as a host name: `svc`, `svc.ns`, `svc.ns.svc`, `svc.ns.svc.cluster`, `svc.ns.svc.cluster.local`,
 * each with or without a port. The split's own namespace is meant, whatever the name says; a name that says another
 * is reported, since it can only be a mistake.
 */
function findRoot(
  split: TrafficSplit,
  services: ReadonlyMap<string, ServiceNode>,
  findings: Finding[],
): ServiceNode | undefined {
  const { namespace } = split.meta;
  const [host = ""] = split.service.split(":");
  const [name = "", named, ...rest] = host.split(".");
  const root = services.get(keyOf({ namespace, name }));
  const spelled = (named === undefined || named === namespace) && SUFFIXES.has(rest.join("."));
  if (root !== undefined && spelled) return root;
  const why = spelled
    ? `no Service ${namespace}/${name} in the mesh: create it, with a selector that covers the backends' pods`
    : `"${split.service}" does not name a Service of namespace ${namespace}: write ${name}, ${name}.${namespace} or ${name}.${namespace}.svc.cluster.local`;
  findings.push(finding("split-root-missing", refOf(split), "spec.service", why));
  return undefined;
}

function linkBackends(
  split: TrafficSplit,
  root: ServiceNode,
  services: ReadonlyMap<string, ServiceNode>,
  findings: Finding[],
): readonly SplitBackendNode[] {
  const about = refOf(split);
  const weights = new Map<ServiceNode, number>();
  split.backends.forEach(({ service: name, weight }, i) => {
    const path = `spec.backends[${i}].service`;
    const service = services.get(keyOf({ namespace: split.meta.namespace, name }));
    if (service === undefined) {
      const message = `no Service ${split.meta.namespace}/${name} in the mesh: create it or take the backend out`;
      findings.push(finding("split-backend-missing", about, path, message));
      return;
    }
    weights.set(service, (weights.get(service) ?? 0) + weight);
    for (const port of missingPorts(root, service)) {
      const message = `Service ${keyOf(service)} has no port ${port}, which the root ${keyOf(root)} has: add it`;
      findings.push(finding("split-backend-port-missing", about, path, message));
    }
  });
  const backends = [...weights]
    .map(([service, weight]) => ({ service, weight }))
    .sort((a, b) => compareNames(a.service, b.service));
  if (!backends.some(({ weight }) => weight > 0)) {
    const message = `no backend that exists has a weight above 0: requests to ${keyOf(root)} get 503 until one has`;
    findings.push(finding("split-weights-zero", about, "spec.backends", message));
  }
  return backends;
}

function missingPorts(root: ServiceNode, backend: ServiceNode): readonly number[] {
  const offered = new Set(backend.ports.map(({ port }) => port));
  return [...new Set(root.ports.map(({ port }) => port))].filter((port) => !offered.has(port));
}

function recursions(rootKey: string, split: TrafficSplit, byRoot: ReadonlyMap<string, SplitNode>): readonly Finding[] {
  return (byRoot.get(rootKey)?.backends ?? [])
    .map(({ service }) => keyOf(service))
    .filter((key) => key !== rootKey && byRoot.has(key))
    .map((key) => {
      const message = `backend ${key} is the root of another TrafficSplit: its share goes to ${key} itself, unsplit`;
      return finding("split-recursive", refOf(split), "spec.backends", message);
    });
}
