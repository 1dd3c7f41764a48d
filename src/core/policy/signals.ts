/**
 * Whose requests are counted by pair of workloads, and what the counting proxies know of whom they ask.
 *
 * @module
 */
import { workloadOf } from "../base/workload.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { ServiceNode } from "../graph/service-node.ts";
import type { EndpointWorkload } from "../ir/upstream.ts";

/** Nobody is told whose endpoints are while nobody reads what comes of it: it is four times what else is told of one. */
export function countsSignals({ config, pods }: MeshGraph): boolean {
  return config.featureFlags.enableWASMStats && pods.someScraped;
}

/** Of the pods behind a service, by their addresses. */
export function workloadsOf({ pods }: ServiceNode): ReadonlyMap<string, EndpointWorkload> {
  return new Map(
    pods.flatMap((pod) => {
      const { namespace, name } = pod.meta;
      const workload: EndpointWorkload = { namespace, ...workloadOf(pod.owner), pod: name };
      return pod.ips.map((ip) => [ip, workload] as const);
    }),
  );
}
