/**
 * What is watched: which kinds, in which namespaces, and what the server leaves out.
 *
 * @module
 */
import type { Kind } from "../../core/model/kind.ts";
import { Namespace } from "../../core/model/namespace.ts";
import type { KindName, MeshObject } from "../../core/model/object.ts";
import { KINDS } from "../../core/model/parse.ts";

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

/** Which objects of a kind are meant. */
type Narrowing = Omit<WatchedResource, "kind" | "group" | "plural" | "versions">;

export interface MeshScope {
  readonly meshName: string;
  readonly meshNamespace: string;
}

/** Pods that ended are no destination and hold no identity; a cluster may keep thousands of them. */
const RUNNING_PODS = "status.phase!=Succeeded,status.phase!=Failed";

/** Namespaces come before all others; a cluster mirrors Endpoints into slices and makes pods of workloads. */
const UNWATCHED: readonly KindName[] = ["Namespace", "Endpoints", "Deployment", "StatefulSet", "DaemonSet", "Job"];

/**
 * Namespaces of the mesh: its members. Listed before all else.
 *
 * @see platform spec 1.11 for the scope of each kind.
 */
export function namespacesOf({ meshName }: MeshScope): WatchedResource {
  return { ...watched(Namespace), labelSelector: `openservicemesh.io/monitored-by=${meshName}` };
}

/** All other kinds that are watched, in all namespaces unless it is said here. */
export function resourcesOf(scope: MeshScope): readonly WatchedResource[] {
  const narrowed: Partial<Record<KindName, Narrowing>> = {
    MeshConfig: { namespace: scope.meshNamespace },
    MeshRootCertificate: { namespace: scope.meshNamespace },
    ServiceAccount: { membersOnly: true },
    Service: { membersOnly: true },
    Pod: { membersOnly: true, fieldSelector: RUNNING_PODS },
    EndpointSlice: { membersOnly: true, ofSources: true },
  };
  return KINDS.filter(({ kind }) => !UNWATCHED.includes(kind)).map((one) => ({
    ...watched(one),
    ...narrowed[one.kind],
  }));
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
