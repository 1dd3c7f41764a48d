/**
 * The spec of UpstreamTrafficSetting: connection limits, and rate limits local and global.
 *
 * @module
 */
import { choice, DURATION, type Fields, FLAG, list, object, PORT, type Schema, says, text, whole } from "./schema.ts";

const COUNT = whole(0);
const NOT_EMPTY = text(undefined, { minLength: 1 });
const UNIT = choice(["second", "minute", "hour"]);
const ERROR_CODE = whole(400, 599);

/** OSM had none, so Envoy's hour held for all. */
const IDLE_TIMEOUT = text("How long a connection may be idle: a span such as 10m; 0s is for ever.");

const CONNECTIONS = object({
  tcp: object({ maxConnections: COUNT, connectTimeout: DURATION, idleTimeout: IDLE_TIMEOUT }),
  http: object({
    maxRequests: COUNT,
    maxRequestsPerConnection: COUNT,
    maxPendingRequests: COUNT,
    maxRetries: COUNT,
    idleTimeout: IDLE_TIMEOUT,
  }),
});

const LOCAL_TCP = object({ connections: whole(1), unit: UNIT, burst: whole() });
const LOCAL_HTTP = object({
  requests: whole(1),
  unit: UNIT,
  burst: says("Requests above the rate that a short while may bring.", whole()),
  responseStatusCode: ERROR_CODE,
  responseHeadersToAdd: list(object({ name: NOT_EMPTY, value: NOT_EMPTY }, ["name", "value"])),
});

const RATE_LIMIT_SERVICE = object({ host: NOT_EMPTY, port: PORT }, ["host", "port"]);
const GLOBAL: Fields = { rateLimitService: RATE_LIMIT_SERVICE, domain: text(), timeout: DURATION, failOpen: FLAG };

const TCP_ENTRY = object({ key: text(), value: text() }, ["key", "value"]);
const GLOBAL_TCP = object(
  { ...GLOBAL, descriptors: list(object({ entries: list(TCP_ENTRY, { minItems: 1 }) }, ["entries"]), { minItems: 1 }) },
  ["rateLimitService", "domain", "descriptors"],
);

const HEADER_TESTS: Fields = {
  exact: text(),
  prefix: text(),
  suffix: text(),
  regex: text(),
  contains: text(),
  present: FLAG,
};
const ENTRIES: Fields = {
  genericKey: object({ value: text(), key: text() }, ["value"]),
  remoteAddress: object({}),
  requestHeader: object({ name: text(), key: text() }, ["name", "key"]),
  headerValueMatch: object(
    {
      value: text(),
      headers: list(object({ name: text(), ...HEADER_TESTS }, ["name"], exactlyOneOf(HEADER_TESTS)), { minItems: 1 }),
      key: text(),
      expectMatch: FLAG,
    },
    ["value", "headers"],
  ),
};
const DESCRIPTORS = list(object({ entries: list(object(ENTRIES, [], exactlyOneOf(ENTRIES)), { minItems: 1 }) }));

const GLOBAL_HTTP = object(
  { ...GLOBAL, descriptors: DESCRIPTORS, enableXRateLimitHeaders: FLAG, responseStatusCode: ERROR_CODE },
  ["rateLimitService", "domain"],
);

const HTTP_ROUTE = object({
  path: text("As in the route's match.", { minLength: 1 }),
  rateLimit: object({ local: LOCAL_HTTP, global: object({ descriptors: DESCRIPTORS }) }),
});

export const UPSTREAM_SPEC: Schema = object(
  {
    host: text("<service>.<namespace>.svc.cluster.local, or a host that an Egress names."),
    connectionSettings: CONNECTIONS,
    rateLimit: object({
      local: object({ tcp: LOCAL_TCP, http: LOCAL_HTTP }),
      global: object({ tcp: GLOBAL_TCP, http: GLOBAL_HTTP }),
    }),
    httpRoutes: list(HTTP_ROUTE),
  },
  ["host"],
);

function exactlyOneOf(fields: Fields): Schema {
  return { oneOf: Object.keys(fields).map((name) => ({ required: [name] })) };
}
