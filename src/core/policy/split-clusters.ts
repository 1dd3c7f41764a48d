/**
 * Which clusters stand for a service's port: its own, or those of its TrafficSplit's backends (dataplane spec 2.11).
 *
 * @module
 */
import { compareText, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { clusterName, type PortNode, type ServiceNode } from "../graph/service-node.ts";
import type { WeightedCluster } from "../ir/protocol.ts";

/** Weight of "all of it", as in OSM's dumps. */
const WHOLE = 100;

/** The service's own cluster, or the backends of its split that have the port. */
export function clustersFor(graph: MeshGraph, service: ServiceNode, port: PortNode): readonly WeightedCluster[] {
  const split = graph.splits.get(keyOf(service));
  if (split === undefined || port.host !== "") return [{ cluster: clusterName(service, port), weight: WHOLE }];
  return split.backends
    .flatMap(({ service: backend, weight }) => {
      const same = backend.ports.find((candidate) => candidate.port === port.port && candidate.host === "");
      return same === undefined ? [] : [{ cluster: clusterName(backend, same), weight }];
    })
    .sort((a, b) => compareText(a.cluster, b.cluster));
}
