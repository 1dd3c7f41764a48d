/**
 * The filters of a filter chain that work on bytes: TCP proxy, RBAC at layer 4. HTTP is in http-connection.ts.
 *
 * @module
 */
import type { Filter } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { RBACSchema as NetworkRbacSchema } from "../../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import { TcpProxySchema } from "../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import type { NetworkPolicy, Silence } from "../ir/listener.ts";
import type { WeightedCluster } from "../ir/protocol.ts";
import { networkFilter } from "./filter.ts";
import { BLACKHOLE_CLUSTER } from "./names.ts";
import { networkRules } from "./rbac.ts";
import { durationOf } from "./typed.ts";

/** To one cluster, to several by weight, or nowhere. Clusters without weight are left out: Envoy refuses them here. */
export function tcpTo(statPrefix: string, clusters: readonly WeightedCluster[], silence?: Silence): Filter {
  const weighted = clusters.filter(({ weight }) => weight > 0);
  const [first = { cluster: BLACKHOLE_CLUSTER }, ...others] = weighted;
  if (others.length === 0) return tcpToOne(statPrefix, first.cluster, silence);
  return networkFilter("tcp_proxy", TcpProxySchema, {
    statPrefix,
    clusterSpecifier: {
      case: "weightedClusters",
      value: { clusters: weighted.map(({ cluster, weight }) => ({ name: cluster, weight })) },
    },
    ...idle(silence),
  });
}

export function tcpToOne(statPrefix: string, cluster: string, silence?: Silence): Filter {
  return networkFilter("tcp_proxy", TcpProxySchema, {
    statPrefix,
    clusterSpecifier: { case: "cluster", value: cluster },
    ...idle(silence),
  });
}

function idle(silence: Silence | undefined) {
  return silence === undefined ? {} : { idleTimeout: durationOf(silence) };
}

export function networkRbac(policies: readonly NetworkPolicy[]): Filter {
  return networkFilter("l4_rbac", NetworkRbacSchema, { statPrefix: "network-", rules: networkRules(policies) });
}
