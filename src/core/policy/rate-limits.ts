/**
 * What the server of a port keeps to: the rate limits of its UpstreamTrafficSetting (dataplane spec 4.4).
 *
 * @module
 */
import { memoByObject } from "../base/memo.ts";
import type { RequestDescriptor } from "../base/rate-limit-descriptor.ts";
import { compareText } from "../base/ref.ts";
import type { InboundChain } from "../ir/listener.ts";
import type {
  GlobalConnectionLimit,
  GlobalRequestLimit,
  LocalRateLimit,
  RateLimitService,
  TokenBucket,
} from "../ir/rate-limit.ts";
import type { RequestLimits } from "../ir/route.ts";
import type { HostUpstream } from "../ir/upstream.ts";
import type {
  GlobalHttpLimit,
  GlobalTcpLimit,
  LocalHttpLimit,
  LocalTcpLimit,
  UpstreamTrafficSetting,
} from "../model/upstream-traffic-setting.ts";

/** What the server of a port keeps to. */
export interface ServerSettings {
  readonly connections?: NonNullable<InboundChain["connections"]>;
  readonly requests?: GlobalRequestLimit;
  /** Of the virtual host. */
  readonly limits?: RequestLimits;
  /** Of its routes, by the pattern of their path. */
  readonly routes: ReadonlyMap<string, RequestLimits>;
  /** Rate limit services that are asked. */
  readonly upstreams: readonly HostUpstream[];
}

/** Envoy's own: saying them is saying nothing. */
const STATUS = 429;
const PATIENCE = 20;

export const rateLimitsOf: (setting: UpstreamTrafficSetting) => ServerSettings = memoByObject(
  ({ rateLimit: { local, global }, httpRoutes }) => {
    const connections = {
      ...(local.tcp && { local: toBucket(local.tcp.connections, local.tcp) }),
      ...(global.tcp && { global: toConnectionLimit(global.tcp) }),
    };
    const limits = toLimits(local.http, global.http?.descriptors ?? []);
    const asked = [global.tcp, global.http].flatMap((limit) => (limit === undefined ? [] : [toUpstream(limit)]));
    return {
      ...(Object.keys(connections).length > 0 && { connections }),
      ...(global.http && { requests: toRequestLimit(global.http) }),
      ...(limits && { limits }),
      // The first of a path counts, so it is set last.
      routes: new Map(
        httpRoutes.toReversed().flatMap(({ path, rateLimit }) => {
          const own = toLimits(rateLimit.local, global.http === undefined ? [] : rateLimit.global);
          return own === undefined ? [] : [[path, own] as const];
        }),
      ),
      upstreams: [...new Map(asked.map((one) => [one.name, one])).values()],
    };
  },
);

function toBucket(rate: number, { interval, burst }: Pick<LocalTcpLimit, "interval" | "burst">): TokenBucket {
  return { most: rate + burst, fill: rate, interval };
}

function toLimits(
  local: LocalHttpLimit | undefined,
  descriptors: readonly RequestDescriptor[],
): RequestLimits | undefined {
  if (local === undefined && descriptors.length === 0) return undefined;
  return {
    ...(local && { local: toLocalLimit(local) }),
    ...(descriptors.length > 0 && { descriptors }),
  };
}

function toLocalLimit(limit: LocalHttpLimit): LocalRateLimit {
  const { requests, responseStatusCode, responseHeadersToAdd } = limit;
  return {
    bucket: toBucket(requests, limit),
    ...(responseStatusCode === STATUS ? {} : { status: responseStatusCode }),
    responseHeaders: responseHeadersToAdd.toSorted((a, b) => compareText(a.name, b.name)),
  };
}

function toConnectionLimit(limit: GlobalTcpLimit): GlobalConnectionLimit {
  return { service: toService(limit), descriptors: limit.descriptors };
}

function toRequestLimit(limit: GlobalHttpLimit): GlobalRequestLimit {
  const { responseStatusCode, enableXRateLimitHeaders } = limit;
  return {
    service: toService(limit),
    ...(responseStatusCode === STATUS ? {} : { status: responseStatusCode }),
    tellsLimits: enableXRateLimitHeaders,
  };
}

type GlobalLimit = GlobalTcpLimit | GlobalHttpLimit;

function toService(limit: GlobalLimit): RateLimitService {
  const { domain, timeout, failOpen } = limit;
  return { cluster: clusterOf(limit), domain, ...(timeout === PATIENCE ? {} : { timeout }), failOpen };
}

function toUpstream(limit: GlobalLimit): HostUpstream {
  const { host, port } = limit.rateLimitService;
  return { kind: "host", name: clusterOf(limit), host, port, protocol: "http2" };
}

function clusterOf({ rateLimitService: { host, port } }: GlobalLimit): string {
  return `${host}|${port}`;
}
