/**
 * The HTTP connection manager of a filter chain, and the filters that a request passes in it.
 *
 * @module
 */
import type { Filter } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { HealthCheckSchema } from "../../../gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { LocalRateLimitSchema } from "../../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import { RBACSchema as HttpRbacSchema } from "../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { RouterSchema } from "../../../gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  type HttpFilter,
} from "../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { ExternalAuthorization } from "../ir/listener.ts";
import type { Observation } from "../ir/observation.ts";
import type { GlobalRequestLimit } from "../ir/rate-limit.ts";
import { accessLogs } from "./access-log.ts";
import { authorizationFilter } from "./external-authorization.ts";
import { connectionManager, httpFilter } from "./filter.ts";
import { HEALTH_CHECK_HEADER, HEALTH_CHECK_PATH, HTTP_LOCAL_RATE_LIMIT, HTTP_RBAC } from "./names.ts";
import { requestLimitFilter } from "./rate-limit.ts";
import { signalsLog } from "./signals.ts";
import { tracing } from "./tracing.ts";
import { fromAds } from "./typed.ts";

/**
 * `decided`: the path decides who gets in here, so a server behind it must not read the path differently than the rules.
 * `open`: no rule looks at the path.
 */
export type PathUse = "decided" | "open";

export interface HttpChain {
  /** By RDS. */
  readonly routeTable: string;
  readonly paths: PathUse;
  readonly authorization?: ExternalAuthorization;
  readonly requests?: GlobalRequestLimit;
  /** The proxy answers the health checks of other proxies. */
  readonly healthChecks?: boolean;
  /** The application calls services of the mesh by it, which is counted by pair of workloads. */
  readonly calls?: boolean;
}

export function httpByRouteTable(observation: Observation, chain: HttpChain): Filter {
  const { routeTable, paths } = chain;
  return connectionManager({
    statPrefix: routeTable,
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "rds", value: { routeConfigName: routeTable, configSource: fromAds() } },
    httpFilters: httpFilters(chain),
    upgradeConfigs: [{ upgradeType: "websocket" }],
    accessLog: [...accessLogs(observation), ...(observation.signals && chain.calls === true ? [signalsLog()] : [])],
    ...tracing(observation),
    ...pathHandling(paths),
  });
}

/**
 * In the order in which requests pass them (dataplane spec 3.5); the router ends it.
 *
 * Health checks come first, where OSM had them last: there a caller whose own routes do not match the check was answered
 * 403 or 429 and took the endpoint for sick, and each check used up a request of the application's rate limit.
 */
function httpFilters({ routeTable, authorization, requests, healthChecks }: HttpChain): HttpFilter[] {
  return [
    ...(healthChecks === true ? [healthCheckFilter()] : []),
    httpFilter(HTTP_RBAC, HttpRbacSchema),
    httpFilter(HTTP_LOCAL_RATE_LIMIT, LocalRateLimitSchema, { statPrefix: routeTable }),
    ...(authorization === undefined ? [] : [authorizationFilter(authorization)]),
    ...(requests === undefined ? [] : [requestLimitFilter(requests)]),
    httpFilter("http_router", RouterSchema),
  ];
}

/** Answers 200 itself; the application hears nothing of it. */
function healthCheckFilter(): HttpFilter {
  return httpFilter("http_health_check", HealthCheckSchema, {
    passThroughMode: false,
    headers: [
      {
        name: ":path",
        headerMatchSpecifier: {
          case: "stringMatch",
          value: { matchPattern: { case: "exact", value: HEALTH_CHECK_PATH } },
        },
      },
      { name: HEALTH_CHECK_HEADER, headerMatchSpecifier: { case: "presentMatch", value: true } },
    ],
  });
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
