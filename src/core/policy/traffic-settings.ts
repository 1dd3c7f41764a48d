/**
 * How much, how often and how long: UpstreamTrafficSetting, Retry and time limits, for both sides of a call (dataplane
 * spec 2.12, 2.13, 4.4, 5.2).
 *
 * @module
 */
import type { ServiceAccountName } from "../base/identity.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { PortNode, ServiceNode } from "../graph/service-node.ts";
import type { InboundChain } from "../ir/listener.ts";
import type { GlobalRequestLimit } from "../ir/rate-limit.ts";
import type { RequestLimits, RetryPolicy, RouteTimeouts } from "../ir/route.ts";
import type { HostUpstream, MeshUpstream } from "../ir/upstream.ts";

/** What the server of a port keeps to. */
export interface ServerSettings {
  readonly connections?: NonNullable<InboundChain["connections"]>;
  readonly requests?: GlobalRequestLimit;
  /** Of the virtual host. */
  readonly limits?: RequestLimits;
  /** Of its routes, by the pattern of their path. */
  readonly routes: ReadonlyMap<string, RequestLimits>;
  /** Rate limit services that are asked. */
  readonly upstreams: readonly HostUpstream[];
}

const NO_SETTINGS: ServerSettings = { routes: new Map(), upstreams: [] };

/** How a caller treats the upstream of a port. */
export function upstreamSettings(
  _graph: MeshGraph,
  _service: ServiceNode,
  _port: PortNode,
): Pick<MeshUpstream, "limits" | "healthChecks" | "outliers"> {
  return {};
}

/** How a caller's one route to a service is bounded. */
export function routeTimeouts(_graph: MeshGraph, _service: ServiceNode): RouteTimeouts | undefined {
  return undefined;
}

/** Whether any Retry object names the caller. */
export function retriesAnything(_graph: MeshGraph, _caller: ServiceAccountName): boolean {
  return false;
}

/** @param caller - Retry objects name the caller's account. */
export function retryOf(
  _graph: MeshGraph,
  _caller: ServiceAccountName,
  _service: ServiceNode,
): RetryPolicy | undefined {
  return undefined;
}

export function serverSettings(_graph: MeshGraph, _service: ServiceNode, _port: PortNode): ServerSettings {
  return NO_SETTINGS;
}

/** All objects that the settings of these services are a function of, beside the MeshConfig; compared by reference. */
export function settingInputs(_graph: MeshGraph, _services: readonly ServiceNode[]): readonly unknown[] {
  return [];
}
