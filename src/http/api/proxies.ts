/**
 * `GET /api/v1/proxies` and `/api/v1/proxies/{uuid}`: the sidecars, and what each has of its configuration.
 *
 * @module
 */
import * as v from "valibot";
import { compareNames, compareText } from "../../core/base/ref.ts";
import type { ProxyState } from "../../engine/engine.ts";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { listOf, Timestamp, toTimestamp } from "./fields.ts";
import type { MeshView } from "./mesh-view.ts";

const ResourceType = v.picklist(["secret", "cluster", "endpoints", "listener", "route"]);

const ProxyAnswer = v.object({
  uuid: v.string(),
  namespace: v.string(),
  pod: v.string(),
  serviceAccount: v.string(),
  connected: v.boolean(),
  connectedSince: v.optional(Timestamp),
  protocol: v.optional(v.pipe(v.picklist(["sotw", "delta"]), v.description("Variant of xDS"))),
  inSync: v.pipe(v.boolean(), v.description("It has accepted all that it should have")),
  acknowledged: v.pipe(
    v.array(v.object({ type: ResourceType, version: v.string(), current: v.boolean() })),
    v.description("What it accepted last, by type. A version is a hash of content, equal on every replica"),
  ),
  rejections: v.pipe(
    v.array(v.object({ type: ResourceType, version: v.string(), resources: v.array(v.string()), message: v.string() })),
    v.description("What it refused since, in Envoy's words"),
  ),
});
type ProxyAnswer = v.InferOutput<typeof ProxyAnswer>;

export function proxyEndpoints(mesh: Pick<MeshView, "proxies">): readonly Endpoint[] {
  return [
    defineEndpoint({
      path: "/api/v1/proxies",
      id: "listProxies",
      summary: "All sidecars of the mesh",
      description: "Sorted by namespace, pod and UUID. Connected means: to the replica that answers.",
      schemaName: "ProxyList",
      schema: listOf(ProxyAnswer),
      read: () => ({ items: [...mesh.proxies()].sort(compareProxies).map(toAnswer) }),
    }),
    defineEndpoint({
      path: "/api/v1/proxies/{uuid}",
      id: "getProxy",
      summary: "One sidecar",
      description: "By the label osm-proxy-uuid of its pod.",
      parameters: [{ name: "uuid", description: "The pod's osm-proxy-uuid" }],
      schemaName: "Proxy",
      schema: ProxyAnswer,
      read({ uuid }) {
        const found = mesh.proxies().find((proxy) => proxy.uuid === uuid?.toLowerCase());
        return found && toAnswer(found);
      },
    }),
  ];
}

function compareProxies(a: ProxyState, b: ProxyState): number {
  const nameOf = ({ namespace, pod }: ProxyState) => ({ namespace, name: pod });
  return compareNames(nameOf(a), nameOf(b)) || compareText(a.uuid, b.uuid);
}

function toAnswer(proxy: ProxyState): ProxyAnswer {
  const { uuid, namespace, pod, serviceAccount, connected, connection, inSync, acknowledged, rejections } = proxy;
  return {
    uuid,
    namespace,
    pod,
    serviceAccount,
    connected,
    ...(connection && { connectedSince: toTimestamp(connection.since), protocol: connection.protocol }),
    inSync,
    acknowledged: acknowledged.map(({ kind, version, current }) => ({ type: kind, version, current })),
    rejections: rejections.map(({ kind, version, names, message }) => ({
      type: kind,
      version,
      resources: [...names],
      message,
    })),
  };
}
