/**
 * Whom a caller may reach: everything in permissive mode, otherwise what TrafficTargets grant (dataplane spec 2.8).
 *
 * @module
 */
import type { ServiceAccountName } from "../base/identity.ts";
import { compareNames, keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { EndpointNode, PortNode, ServiceNode } from "../graph/service-node.ts";

export interface Reach {
  /** Equal for callers that reach the same. */
  readonly key: string;
  /** Sorted by namespace and name. */
  readonly services: readonly ServiceNode[];
  /** The endpoints of a port that the caller may use. */
  readonly endpoints: (service: ServiceNode, port: PortNode) => readonly EndpointNode[];
}

export function reachOf(graph: MeshGraph, caller: ServiceAccountName): Reach {
  if (graph.config.traffic.enablePermissiveTrafficPolicyMode) {
    return {
      key: "everything",
      services: graph.services,
      endpoints: (_, port) => port.endpoints,
    };
  }
  const targets = graph.targetsFrom.get(keyOf(caller)) ?? [];
  const accounts = new Set(targets.map(({ destination }) => keyOf(destination)));
  const services = new Set([...accounts].flatMap((account) => graph.servicesOf.get(account) ?? []));
  return {
    key: [...accounts].sort().join(","),
    services: [...services].sort(compareNames),
    // A service may lead to several accounts; only pods of the granted ones are offered.
    endpoints: (_, port) => port.endpoints.filter(({ account }) => account !== undefined && accounts.has(account)),
  };
}
