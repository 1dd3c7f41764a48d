/**
 * External authorisation: who is asked about the requests to a service (MeshConfig `inboundExternalAuthorization`).
 *
 * @module
 */
import type { MeshGraph } from "../graph/graph.ts";
import type { ServiceNode } from "../graph/service-node.ts";
import type { ExternalAuthorization } from "../ir/listener.ts";
import type { HostUpstream } from "../ir/upstream.ts";

/** @returns undefined where requests are not shown to anybody. */
export function authorizationOf(_graph: MeshGraph, _service: ServiceNode): ExternalAuthorization | undefined {
  return undefined;
}

/** The service that is asked, if any request of the mesh is shown to it. */
export function authorizationUpstream(_graph: MeshGraph): HostUpstream | undefined {
  return undefined;
}
