/**
 * What is served: encoded resources with content hashes, grouped by type.
 *
 * A version is a hash of bytes, so it is equal on every replica and after a restart, and a proxy that reconnects with
 * what it has needs nothing. Nothing here knows what the bytes mean, with one exception: an endpoints resource has the
 * name of the cluster that it belongs to (`order.ts` needs it to let changed clusters warm).
 *
 * @module
 */
import { createHash } from "node:crypto";

export type ResourceKind = "cluster" | "endpoints" | "listener" | "route" | "secret";

/** Make before break: what is named by others goes first. Removals follow their own rule (`order.ts`). */
export const SEND_ORDER: readonly ResourceKind[] = ["secret", "cluster", "endpoints", "listener", "route"];

export const TYPE_URLS: Readonly<Record<ResourceKind, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
};

const KIND_OF_URL: ReadonlyMap<string, ResourceKind> = new Map(SEND_ORDER.map((kind) => [TYPE_URLS[kind], kind]));

/** @returns undefined for a type that is not served. */
export function kindOf(typeUrl: string): ResourceKind | undefined {
  return KIND_OF_URL.get(typeUrl);
}

export interface Resource {
  readonly name: string;
  /** Content hash, equal on every replica. */
  readonly version: string;
  /** The encoded message, without the Any around it. Shared by all streams that send it. */
  readonly body: Uint8Array;
  /**
   * Asked when a delta client says on a new stream that it already holds a version other than `version`. True: what it
   * holds will do, nothing is sent and it counts as in sync. For leaf certificates, which every replica issues for
   * itself. Must be pure: it may be asked more than once.
   */
  readonly adopt?: (heldVersion: string) => boolean;
  /** There is one, but not here and now: it is neither sent nor said to be gone. Its `version` is "". */
  readonly withheld?: true;
}

/** All resources of one type for one proxy. Proxies that get the same share one value by reference. */
export interface ResourceGroup {
  readonly kind: ResourceKind;
  /** Sorted by name. */
  readonly byName: ReadonlyMap<string, Resource>;
  /** Hash over names and versions. */
  readonly version: string;
}

export type ProxyResources = { readonly [K in ResourceKind]: ResourceGroup };

/** 128 bits: enough that two contents never meet, short enough to read in a log. */
const VERSION_LENGTH = 32;

export function resourceOf(name: string, body: Uint8Array): Resource {
  return { name, version: createHash("sha256").update(body).digest("hex").slice(0, VERSION_LENGTH), body };
}

/** What a client may hold already, and gets as soon as it can be had. @param adopt - As of a `Resource`. */
export function withheldResource(name: string, adopt: Resource["adopt"]): Resource {
  return { name, version: "", body: new Uint8Array(), withheld: true, ...(adopt && { adopt }) };
}

/** @throws Error if two resources have one name: a bug of the compiler, never an operator's mistake. */
export function groupOf(kind: ResourceKind, resources: readonly Resource[]): ResourceGroup {
  const sorted = [...resources].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const byName = new Map(sorted.map((one) => [one.name, one]));
  if (byName.size !== sorted.length) {
    const twice = sorted.find((one, i) => sorted[i - 1]?.name === one.name);
    throw new Error(`two ${kind} resources are named ${twice?.name ?? ""}: names must differ within a type`);
  }
  const hash = createHash("sha256");
  for (const one of sorted) hash.update(`${one.name}\0${one.version}\n`);
  return { kind, byName, version: hash.digest("hex").slice(0, VERSION_LENGTH) };
}

const EMPTY: Readonly<Record<ResourceKind, ResourceGroup>> = {
  cluster: groupOf("cluster", []),
  endpoints: groupOf("endpoints", []),
  listener: groupOf("listener", []),
  route: groupOf("route", []),
  secret: groupOf("secret", []),
};

/** The one group of this type without resources. */
export function emptyGroup(kind: ResourceKind): ResourceGroup {
  return EMPTY[kind];
}
