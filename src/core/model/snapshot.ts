/**
 * All objects at one moment: what one compile reads, and nothing else.
 *
 * @module
 */
import type { KindName, ObjectOf } from "./object.ts";

export interface Snapshot {
  /** Counts changes. */
  readonly number: number;
  /** By kind, then by `keyOf`. */
  readonly objects: { readonly [K in KindName]: ReadonlyMap<string, ObjectOf<K>> };
}

export function emptySnapshot(): Snapshot {
  return {
    number: 0,
    objects: {
      Namespace: new Map(),
      ServiceAccount: new Map(),
      Service: new Map(),
      Pod: new Map(),
      Endpoints: new Map(),
      EndpointSlice: new Map(),
      Deployment: new Map(),
      StatefulSet: new Map(),
      DaemonSet: new Map(),
      Job: new Map(),
      MeshConfig: new Map(),
      TrafficTarget: new Map(),
      HTTPRouteGroup: new Map(),
      TCPRoute: new Map(),
      TrafficSplit: new Map(),
      Egress: new Map(),
      IngressBackend: new Map(),
      Retry: new Map(),
      UpstreamTrafficSetting: new Map(),
      Telemetry: new Map(),
      ExtensionService: new Map(),
      MeshRootCertificate: new Map(),
    },
  };
}
