/**
 * Graph + proxy → ProxyIr: all that one proxy is configured with.
 *
 * Proxies that see the same thing get the same values, and pods alike in account and services the same IR whole.
 *
 * @module
 */
import { type Finding, tidyFindings } from "../base/finding.ts";
import { keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import { isScraped } from "../graph/pods.ts";
import { type ServiceNode, targetPortIn } from "../graph/service-node.ts";
import type { TlsSettings } from "../ir/protocol.ts";
import type { ProxyIr } from "../ir/proxy.ts";
import type { Upstream } from "../ir/upstream.ts";
import { tlsOf } from "../model/mesh-config.ts";
import type { Pod } from "../model/pod.ts";
import { type InboundIr, resolveInbound } from "./inbound.ts";
import { type ObservationIr, resolveObservation } from "./observation.ts";
import { type OutboundIr, resolveOutbound } from "./outbound.ts";
import type { Sharing } from "./sharing.ts";

export interface ResolvedProxy {
  readonly ir: ProxyIr;
  readonly findings: readonly Finding[];
}

/** @param pod - A pod of the mesh, with a sidecar. */
export function resolveProxy(graph: MeshGraph, pod: Pod, sharing: Sharing): ResolvedProxy {
  const services = servicesOf(graph, pod);
  const metrics = isScraped(pod);
  const observation = resolveObservation(graph, pod, metrics, sharing);
  const name = `${proxyClass(pod, services, metrics)}:${observation.key}`;
  return sharing.once(graph, name, () => {
    const account = { namespace: pod.meta.namespace, name: pod.serviceAccount };
    const outbound = resolveOutbound(graph, account, sharing);
    const inbound = resolveInbound(graph, { name, pod, services }, sharing);
    const ir = sharing.reuse(
      name,
      assemble(
        {
          account,
          outbound,
          inbound,
          metrics,
          tls: sharing.parts.share(tlsOf(graph.config)),
          observation,
        },
        sharing,
      ),
    );
    return {
      ir,
      findings: tidyFindings([...outbound.findings, ...inbound.findings]),
    };
  });
}

/** The services that lead to a pod, sorted. */
function servicesOf(graph: MeshGraph, pod: Pod): readonly ServiceNode[] {
  const account = keyOf({
    namespace: pod.meta.namespace,
    name: pod.serviceAccount,
  });
  return (graph.servicesOf.get(account) ?? []).filter(({ pods }) => pods.includes(pod));
}

/** Pods with equal text have equal IRs: a StatefulSet's differ by host name, pods of an update in named ports. */
function proxyClass(pod: Pod, services: readonly ServiceNode[], metrics: boolean): string {
  const named = services.some(({ ports }) => ports.some(({ host }) => host !== ""));
  const host = named ? `${pod.hostname}/${pod.meta.name}` : "";
  const ports = services.flatMap((service) => service.ports.map((port) => targetPortIn(pod, port)));
  const account = `${pod.meta.namespace}/${pod.serviceAccount}`;
  return `proxy:${account}:${services.map(keyOf).join(",")}:${ports.join(",")}:${host}:${metrics}`;
}

interface Parts {
  readonly account: ProxyIr["serviceAccount"];
  readonly outbound: OutboundIr;
  readonly inbound: InboundIr;
  readonly metrics: boolean;
  readonly tls: TlsSettings;
  readonly observation: ObservationIr;
}

function assemble({ account, outbound, inbound, metrics, tls, observation }: Parts, { parts }: Sharing): ProxyIr {
  const upstreams: Upstream[] = [...outbound.upstreams, ...inbound.upstreams];
  for (const one of observation.upstreams) if (!upstreams.some(({ name }) => name === one.name)) upstreams.push(one);
  if (metrics) upstreams.push(parts.share({ kind: "metrics", name: "envoy-metrics-cluster" }));
  return {
    serviceAccount: account,
    tls,
    observation: observation.observation,
    ...(outbound.listener && { outbound: outbound.listener }),
    ...(inbound.listener && { inbound: inbound.listener }),
    routeTables: [...outbound.routeTables, ...inbound.routeTables],
    upstreams,
    endpointSets: outbound.endpointSets,
    trustedPeers: outbound.trustedPeers,
    metrics,
  };
}
