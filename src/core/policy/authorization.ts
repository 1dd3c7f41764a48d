/**
 * External authorisation: who is asked about the requests to a service (MeshConfig `inboundExternalAuthorization`).
 *
 * @module
 */
import { isAuthorized } from "../graph/authorization.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { ServiceNode } from "../graph/service-node.ts";
import type { ExternalAuthorization } from "../ir/listener.ts";
import type { HostUpstream } from "../ir/upstream.ts";

/** Ours: OSM's proxies dialled without a cluster, so that nothing counted how that went. */
const CLUSTER = "inbound-external-authorization";

/**
 * @param services - All that answer on one target port of a pod. They share a route table, in which a request chooses by
 *   its host; so one of them that is not shown to the authoriser would be a way around it for the others.
 * @returns undefined where requests are not shown to anybody.
 */
export function authorizationOf(graph: MeshGraph, services: readonly ServiceNode[]): ExternalAuthorization | undefined {
  if (!services.some((service) => isAuthorized(graph.config, service))) return undefined;
  const { statPrefix, timeout, failureModeAllow } = graph.config.traffic.inboundExternalAuthorization;
  return { ...(authorizer(graph) && { cluster: CLUSTER }), statPrefix, timeout, failureModeAllow };
}

/**
 * The service that is asked. It is there wherever it is named, asked or not: a connection that is a moment older than the
 * change which switched it off still asks it once.
 */
export function authorizer({ config }: MeshGraph): HostUpstream | undefined {
  const { address, port } = config.traffic.inboundExternalAuthorization;
  if (address === "" || port === 0) return undefined;
  return { kind: "host", name: CLUSTER, host: address, port, protocol: "http2" };
}
