/**
 * Ways into a pod for gateways outside the mesh: its services' IngressBackends (dataplane spec 2.15).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { ServiceNode } from "../graph/service-node.ts";
import type { ExternalAuthorization, IngressChain } from "../ir/listener.ts";
import type { RouteTable } from "../ir/route.ts";
import type { Pod } from "../model/pod.ts";

export interface IngressIr {
  /** Sorted by name. */
  readonly chains: readonly IngressChain[];
  /** `rds-ingress.<target port>`, sorted by name. Their routes lead to the pod's local upstreams. */
  readonly routeTables: readonly RouteTable[];
  readonly findings: readonly Finding[];
}

export interface IngressOf {
  readonly pod: Pod;
  /** The services that lead to the pod. */
  readonly services: readonly ServiceNode[];
  readonly authorizationOf: (service: ServiceNode) => ExternalAuthorization | undefined;
}

const NOTHING: IngressIr = { chains: [], routeTables: [], findings: [] };

/** All objects that the ingress of a pod of these services is a function of; compared by reference. */
export function ingressInputs(_graph: MeshGraph, _services: readonly ServiceNode[]): readonly unknown[] {
  return [];
}

export function resolveIngress(_graph: MeshGraph, _of: IngressOf): IngressIr {
  return NOTHING;
}
