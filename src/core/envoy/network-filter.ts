/**
 * The filters of a filter chain: HTTP connection manager, TCP proxy, RBAC at layer 4.
 *
 * @module
 */
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type Filter, FilterSchema } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { LocalRateLimitSchema } from "../../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import { RBACSchema as HttpRbacSchema } from "../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { RouterSchema } from "../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { RBACSchema as NetworkRbacSchema } from "../../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import { TcpProxySchema } from "../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import type { NetworkPolicy } from "../ir/listener.ts";
import type { WeightedCluster } from "../ir/protocol.ts";
import { accessLogs } from "./access-log.ts";
import { BLACKHOLE_CLUSTER, HTTP_LOCAL_RATE_LIMIT, HTTP_RBAC } from "./names.ts";
import { networkRules } from "./rbac.ts";
import { fromAds, typed } from "./typed.ts";

/**
 * `decided`: the path decides who gets in here, so a server behind it must not read the path differently than the rules.
 * `open`: no rule looks at the path.
 */
export type PathUse = "decided" | "open";

/** HTTP by a route table that comes by RDS. */
export function httpByRouteTable(routeTable: string, paths: PathUse): Filter {
  return connectionManager({
    statPrefix: routeTable,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "rds", value: { routeConfigName: routeTable, configSource: fromAds() } },
    httpFilters: [
      httpFilter(HTTP_RBAC, HttpRbacSchema),
      httpFilter(HTTP_LOCAL_RATE_LIMIT, LocalRateLimitSchema, { statPrefix: routeTable }),
      httpFilter("http_router", RouterSchema),
    ],
    upgradeConfigs: [{ upgradeType: "websocket" }],
    accessLog: accessLogs(),
    ...pathHandling(paths),
  });
}

export function connectionManager(init: MessageInitShape<typeof HttpConnectionManagerSchema>): Filter {
  return networkFilter("envoy.filters.network.http_connection_manager", HttpConnectionManagerSchema, init);
}

/** To one cluster, to several by weight, or nowhere. Clusters without weight are left out: Envoy refuses them here. */
export function tcpTo(statPrefix: string, clusters: readonly WeightedCluster[]): Filter {
  const weighted = clusters.filter(({ weight }) => weight > 0);
  const [first = { cluster: BLACKHOLE_CLUSTER }, ...others] = weighted;
  if (others.length === 0) return tcpToOne(statPrefix, first.cluster);
  return networkFilter("tcp_proxy", TcpProxySchema, {
    statPrefix,
    clusterSpecifier: {
      case: "weightedClusters",
      value: { clusters: weighted.map(({ cluster, weight }) => ({ name: cluster, weight })) },
    },
  });
}

export function tcpToOne(statPrefix: string, cluster: string): Filter {
  return networkFilter("tcp_proxy", TcpProxySchema, {
    statPrefix,
    clusterSpecifier: { case: "cluster", value: cluster },
  });
}

export function networkRbac(policies: readonly NetworkPolicy[]): Filter {
  return networkFilter("l4_rbac", NetworkRbacSchema, { statPrefix: "network-", rules: networkRules(policies) });
}

export function httpFilter<D extends DescMessage>(name: string, schema: D, init?: MessageInitShape<D>): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: "typedConfig", value: typed(schema, init) } });
}

function networkFilter<D extends DescMessage>(name: string, schema: D, init: MessageInitShape<D>): Filter {
  return create(FilterSchema, { name, configType: { case: "typedConfig", value: typed(schema, init) } });
}

type PathHandling = Partial<
  Pick<HttpConnectionManager, "mergeSlashes" | "pathWithEscapedSlashesAction"> & { normalizePath: boolean }
>;

/**
 * What is done to a path before rules see it, and before the application does.
 *
 * `.` and `..` are always resolved, which RFC 3986 (6.2.2.3) calls the same path. Where rules decide, `//` is merged too
 * and an escaped slash is answered with 400: many servers decode `%2F` before they look at the path, so that
 * `/public/..%2Fadmin` would pass a rule for `/public/.*` and be served as `/admin`. Decoding it here would change what
 * an application that means `%2F` gets, silently. Where no rule looks at paths, both are left as they are, since
 * applications that carry a URL or a name with a slash inside a path are ordinary clients too.
 */
function pathHandling(paths: PathUse): PathHandling {
  switch (paths) {
    case "decided":
      return {
        normalizePath: true,
        mergeSlashes: true,
        pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
      };
    case "open":
      return {
        normalizePath: true,
        pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
      };
  }
}
