/**
 * Everything that the mesh reads, as one union.
 *
 * @module
 */
import type { ObjectRef } from "../base/ref.ts";
import type { Egress } from "./egress.ts";
import type { EndpointSlice } from "./endpoint-slice.ts";
import type { Endpoints } from "./endpoints.ts";
import type { ExtensionService } from "./extension-service.ts";
import type { HTTPRouteGroup } from "./http-route-group.ts";
import type { IngressBackend } from "./ingress-backend.ts";
import type { MeshConfig } from "./mesh-config.ts";
import type { MeshRootCertificate } from "./mesh-root-certificate.ts";
import type { Namespace } from "./namespace.ts";
import type { Pod } from "./pod.ts";
import type { Retry } from "./retry.ts";
import type { Service } from "./service.ts";
import type { ServiceAccount } from "./service-account.ts";
import type { TCPRoute } from "./tcp-route.ts";
import type { Telemetry } from "./telemetry.ts";
import type { TrafficSplit } from "./traffic-split.ts";
import type { TrafficTarget } from "./traffic-target.ts";
import type { UpstreamTrafficSetting } from "./upstream-traffic-setting.ts";
import type { DaemonSet, Deployment, Job, StatefulSet } from "./workload.ts";

export type MeshObject =
  | Namespace
  | ServiceAccount
  | Service
  | Pod
  | Endpoints
  | EndpointSlice
  | Deployment
  | StatefulSet
  | DaemonSet
  | Job
  | MeshConfig
  | TrafficTarget
  | HTTPRouteGroup
  | TCPRoute
  | TrafficSplit
  | Egress
  | IngressBackend
  | Retry
  | UpstreamTrafficSetting
  | Telemetry
  | ExtensionService
  | MeshRootCertificate;

export type KindName = MeshObject["kind"];
export type ObjectOf<K extends KindName> = Extract<MeshObject, { readonly kind: K }>;

export function refOf({ kind, meta }: MeshObject): ObjectRef {
  return { kind, namespace: meta.namespace, name: meta.name };
}
