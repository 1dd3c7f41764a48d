/**
 * How an UpstreamTrafficSetting is written: fields, ranges and defaults.
 *
 * @module
 */
import * as v from "valibot";
import {
  Duration,
  durationThat,
  Flag,
  fieldsOf,
  filled,
  isWhole,
  listOf,
  NameText,
  Port,
  wholeBetween,
} from "./fields.ts";
import { HeaderName, HeaderValue } from "./header.ts";
import { HostName } from "./host-name.ts";
import type { Path } from "./issues.ts";
import { ConnectionDescriptors, RequestDescriptors } from "./rate-limit-descriptor.ts";

const MOST = 2 ** 32 - 1;
/** Half of it, so that a rate and its burst add up to what Envoy counts in. */
const MOST_TOKENS = 2 ** 31 - 1;
const UNITS = { second: 1000, minute: 60_000, hour: 3_600_000 } as const;
/** Envoy has a name for each status that it answers with, and refuses others. */
const STATUS_CODES: ReadonlySet<number> = new Set([
  ...range(400, 417),
  ...[421, 422, 423, 424, 426, 428, 429, 431],
  ...range(500, 508),
  ...[510, 511],
]);

const Count = v.nullish(wholeBetween(0, MOST), MOST);
const SomeTime = durationThat((span) => span >= 1, "a duration of 1ms or more");
const StatusCode = filled(v.custom<number>(isStatusCode, "an HTTP status from 400 to 599 that Envoy knows"), 429);

const Connections = fieldsOf({
  tcp: v.nullish(
    fieldsOf({ maxConnections: Count, connectTimeout: filled(SomeTime, "5s"), idleTimeout: filled(Duration, "1h") }),
    {},
  ),
  http: v.nullish(
    fieldsOf({
      maxRequests: Count,
      maxRequestsPerConnection: v.nullish(wholeBetween(0, MOST), 0),
      maxPendingRequests: Count,
      maxRetries: Count,
      idleTimeout: filled(Duration, "1h"),
    }),
    {},
  ),
});

const Interval = v.pipe(
  v.picklist(["second", "minute", "hour"], "one of second, minute, hour"),
  v.transform((unit) => UNITS[unit]),
);
const Burst = v.nullish(wholeBetween(0, MOST_TOKENS), 0);
const Tokens = wholeBetween(1, MOST_TOKENS);

const LocalTcp = fieldsOf({ connections: Tokens, unit: Interval, burst: Burst });
const LocalHttp = fieldsOf({
  requests: Tokens,
  unit: Interval,
  burst: Burst,
  responseStatusCode: StatusCode,
  responseHeadersToAdd: listOf(fieldsOf({ name: HeaderName, value: HeaderValue })),
});

const Service = {
  rateLimitService: fieldsOf({ host: HostName, port: Port }),
  domain: NameText,
  timeout: filled(SomeTime, "20ms"),
  failOpen: v.nullish(Flag, true),
} as const;

const GlobalTcp = fieldsOf({ ...Service, descriptors: ConnectionDescriptors });
const GlobalHttp = fieldsOf({
  ...Service,
  descriptors: RequestDescriptors,
  enableXRateLimitHeaders: Flag,
  responseStatusCode: StatusCode,
});

const RateLimit = fieldsOf({
  local: v.nullish(fieldsOf({ tcp: v.nullish(LocalTcp), http: v.nullish(LocalHttp) }), {}),
  global: v.nullish(fieldsOf({ tcp: v.nullish(GlobalTcp), http: v.nullish(GlobalHttp) }), {}),
});

const Route = fieldsOf({
  path: NameText,
  rateLimit: v.nullish(
    fieldsOf({
      local: v.nullish(LocalHttp),
      global: v.nullish(fieldsOf({ descriptors: RequestDescriptors }), {}),
    }),
    {},
  ),
});

export const UpstreamTrafficSettingSpec = fieldsOf({
  host: HostName,
  connectionSettings: v.nullish(Connections, {}),
  rateLimit: v.nullish(RateLimit, {}),
  httpRoutes: listOf(Route),
});

/** A descriptor goes as a whole: with an entry less it would count other requests. */
export function partAtFault(fault: Path): Path {
  const at = fault.lastIndexOf("descriptors");
  return at === -1 ? fault : fault.slice(0, at + 2);
}

function isStatusCode(value: unknown): boolean {
  return isWhole(value) && STATUS_CODES.has(value);
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
