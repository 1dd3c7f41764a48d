/**
 * How much, how often and how long: UpstreamTrafficSetting, Retry and time limits, for both sides of a call (dataplane
 * spec 2.12, 2.13, 4.4, 5.2).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import { memoByObject } from "../base/memo.ts";
import type { Millis } from "../base/millis.ts";
import { keyOf } from "../base/ref.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { PortNode, ServiceNode } from "../graph/service-node.ts";
import { settingOf } from "../graph/upstream-settings.ts";
import type { RetryPolicy, Route, RouteTimeouts } from "../ir/route.ts";
import type { MeshUpstream } from "../ir/upstream.ts";
import { refOf } from "../model/object.ts";
import type { Retry } from "../model/retry.ts";
import { limitsOf, silenceOf } from "./connection-limits.ts";
import { rateLimitsOf, type ServerSettings } from "./rate-limits.ts";

const NO_SETTINGS: ServerSettings = { routes: new Map(), upstreams: [] };
/** Envoy's own: saying them is saying nothing. */
const RETRIES = 1;
const BACKOFF: Millis = 25;
/** The caller's proxy keeps the time of a silent request. The server's is there for a caller that is gone. */
const SERVER_MARGIN: Millis = 5_000;

const connectionLimits = memoByObject(limitsOf);

/** How a caller treats the upstream of a port. */
export function upstreamSettings(
  { config, upstreamSettings: settings }: MeshGraph,
  service: ServiceNode,
  port: PortNode,
): Pick<MeshUpstream, "limits" | "healthChecks" | "outliers"> {
  const setting = settingOf(settings, service, port.host);
  const limits = setting && connectionLimits(setting);
  const outliers = config.traffic.outlierDetection;
  return {
    ...(limits && Object.keys(limits).length > 0 && { limits }),
    // The endpoint's proxy answers over HTTP, which a port of bytes does not speak.
    ...(config.featureFlags.enableEnvoyActiveHealthChecks && port.carriage === "http" && { healthChecks: true }),
    ...(outliers && { outliers }),
  };
}

/** How long a caller's connection of bytes to a port may be silent; undefined: Envoy's hour. */
export function silenceTowards(
  { upstreamSettings: settings }: MeshGraph,
  service: ServiceNode,
  { host }: PortNode,
): Millis | undefined {
  const setting = settingOf(settings, service, host);
  return setting && silenceOf(setting);
}

/** How a caller's one route to a service is bounded: by the Service's own word, otherwise by the MeshConfig's. */
export function routeTimeouts({ config }: MeshGraph, { timeouts }: ServiceNode): RouteTimeouts | undefined {
  const request = timeouts.request ?? config.traffic.requestTimeout ?? 0;
  const idle = timeouts.idle ?? config.traffic.idleTimeout;
  if (request === 0 && idle === undefined) return undefined;
  return { ...(request > 0 && { request }), ...(idle !== undefined && { idle }) };
}

/** The server's proxy would otherwise end a silent request after Envoy's five minutes, whatever the caller's may do. */
export function serverTimeouts(graph: MeshGraph, service: ServiceNode): RouteTimeouts | undefined {
  const idle = routeTimeouts(graph, service)?.idle;
  return idle === undefined ? undefined : { idle: idle === 0 ? 0 : idle + SERVER_MARGIN };
}

/** Whether any Retry object names the caller. */
export function retriesAnything({ retriesFrom }: MeshGraph, caller: ServiceAccountName): boolean {
  return retriesFrom.has(keyOf(caller));
}

/** Of calls that no Retry names: what no server has seen is tried again, and nothing else (decision 23). */
const OF_WHAT_NEVER_LEFT: RetryPolicy = {
  retryOn: "connect-failure,refused-stream,reset-before-request",
  retries: 2,
  elsewhere: true,
};

/**
 * @param caller - Retry objects name the caller's account.
 * @returns undefined: nothing is repeated, since a Retry says so.
 */
export function retryOf(
  { retriesFrom }: MeshGraph,
  caller: ServiceAccountName,
  service: ServiceNode,
): RetryPolicy | undefined {
  const retry = retriesFrom.get(keyOf(caller))?.get(keyOf(service));
  return retry === undefined ? OF_WHAT_NEVER_LEFT : toPolicy(retry);
}

const toPolicy = memoByObject(({ retryPolicy }: Retry): RetryPolicy | undefined => {
  const { retryOn, numRetries, perTryTimeout, retryBackoffBaseInterval } = retryPolicy;
  if (retryOn.length === 0 || numRetries === 0) return undefined;
  return {
    retryOn: retryOn.join(","),
    ...(numRetries === RETRIES ? {} : { retries: numRetries }),
    ...(perTryTimeout === undefined ? {} : { perTryTimeout }),
    ...(retryBackoffBaseInterval === BACKOFF ? {} : { backoffBase: retryBackoffBaseInterval }),
  };
});

export function serverSettings(
  { upstreamSettings: settings }: MeshGraph,
  service: ServiceNode,
  { host }: PortNode,
): ServerSettings {
  const setting = settingOf(settings, service, host);
  return setting === undefined ? NO_SETTINGS : rateLimitsOf(setting);
}

/** Limits for paths that none of the service's routes has: the two are compared as texts (dataplane spec 2.13). */
export function unmatchedPaths(
  { upstreamSettings: settings }: MeshGraph,
  service: ServiceNode,
  { host }: PortNode,
  routes: readonly Route[],
): readonly Finding[] {
  const setting = settingOf(settings, service, host);
  if (setting === undefined || setting.httpRoutes.length === 0) return [];
  const known = new Set(routes.map(({ match }) => match.pathRegex));
  return setting.httpRoutes.flatMap(({ path }, i) => {
    if (known.has(path)) return [];
    const some = [...known].slice(0, 3).join(" and ");
    const message = `"${path}" is the path of no route of Service ${keyOf(service)}: write one as the HTTPRouteGroup has it, letter by letter (${some === "" ? "there is none at present" : `such as ${some}`})`;
    return finding("rate-limit-path-unmatched", refOf(setting), `spec.httpRoutes[${i}].path`, message);
  });
}

/** All objects that the settings of these services are a function of, beside the MeshConfig; compared by reference. */
export function settingInputs(
  { upstreamSettings: settings }: MeshGraph,
  services: readonly ServiceNode[],
): readonly unknown[] {
  if (settings.size === 0) return [];
  return services.flatMap((service) =>
    (settings.get(keyOf(service)) ?? []).flatMap(({ host, setting }) => [keyOf(service), host, setting]),
  );
}
