/**
 * What is watched: which kinds, in which namespaces, and what the server leaves out.
 *
 * @module
 */
import { Egress } from "../../core/model/egress.ts";
import { EndpointSlice } from "../../core/model/endpoint-slice.ts";
import { ExtensionService } from "../../core/model/extension-service.ts";
import { HTTPRouteGroup } from "../../core/model/http-route-group.ts";
import { IngressBackend } from "../../core/model/ingress-backend.ts";
import type { Kind } from "../../core/model/kind.ts";
import { MeshConfig } from "../../core/model/mesh-config.ts";
import { MeshRootCertificate } from "../../core/model/mesh-root-certificate.ts";
import { Namespace } from "../../core/model/namespace.ts";
import type { MeshObject } from "../../core/model/object.ts";
import { Pod } from "../../core/model/pod.ts";
import { Retry } from "../../core/model/retry.ts";
import { Service } from "../../core/model/service.ts";
import { ServiceAccount } from "../../core/model/service-account.ts";
import { TCPRoute } from "../../core/model/tcp-route.ts";
import { Telemetry } from "../../core/model/telemetry.ts";
import { TrafficSplit } from "../../core/model/traffic-split.ts";
import { TrafficTarget } from "../../core/model/traffic-target.ts";
import { UpstreamTrafficSetting } from "../../core/model/upstream-traffic-setting.ts";

/** One kind as it is listed and watched. */
export interface WatchedResource {
  readonly kind: string;
  /** "" for Kubernetes' core. */
  readonly group: string;
  readonly plural: string;
  /** That we can read, the best first. */
  readonly versions: readonly string[];
  /** Objects of this namespace alone. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Told only of namespaces of the mesh. No selector can say that of other kinds than Namespace itself. */
  readonly membersOnly?: boolean;
  /** Told also of namespaces that an IngressBackend names in its sources. */
  readonly ofSources?: boolean;
}

export interface MeshScope {
  readonly meshName: string;
  readonly meshNamespace: string;
}

/** Pods that ended are no destination and hold no identity; a cluster may keep thousands of them. */
const RUNNING_PODS = "status.phase!=Succeeded,status.phase!=Failed";

const POLICY: readonly Kind<MeshObject>[] = [
  TrafficTarget,
  HTTPRouteGroup,
  TCPRoute,
  TrafficSplit,
  Egress,
  IngressBackend,
  Retry,
  UpstreamTrafficSetting,
  Telemetry,
  ExtensionService,
];

/**
 * Namespaces of the mesh: its members. Listed before all else.
 *
 * @see platform spec 1.11 for the scope of each kind.
 */
export function namespacesOf({ meshName }: MeshScope): WatchedResource {
  return { ...watched(Namespace), labelSelector: `openservicemesh.io/monitored-by=${meshName}` };
}

/** All others. Endpoints are not among them: the cluster mirrors them into slices. */
export function resourcesOf({ meshNamespace }: MeshScope): readonly WatchedResource[] {
  return [
    { ...watched(MeshConfig), namespace: meshNamespace },
    { ...watched(MeshRootCertificate), namespace: meshNamespace },
    { ...watched(ServiceAccount), membersOnly: true },
    { ...watched(Service), membersOnly: true },
    { ...watched(Pod), membersOnly: true, fieldSelector: RUNNING_PODS },
    { ...watched(EndpointSlice), membersOnly: true, ofSources: true },
    ...POLICY.map(watched),
  ];
}

function watched({ kind, group, plural, versions }: Kind<MeshObject>): WatchedResource {
  return { kind, group, plural, versions };
}

export function apiVersionOf({ group }: WatchedResource, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The path of its collection, in all namespaces unless `namespace` or the resource names one. */
export function collectionPath(
  resource: WatchedResource,
  { version, namespace = resource.namespace }: { readonly version: string; readonly namespace?: string | undefined },
): string {
  const root = resource.group === "" ? "/api" : "/apis";
  const within = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${root}/${apiVersionOf(resource, version)}${within}/${resource.plural}`;
}
