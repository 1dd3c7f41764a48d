import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UpstreamTrafficSetting } from "./upstream-traffic-setting.ts";

const HOST = "api.stock.svc.cluster.local";
const MOST = 2 ** 32 - 1;
const SERVICE = { rateLimitService: { host: "rls.limits.svc.cluster.local", port: 8081 }, domain: "shop" };
const GENERIC = { genericKey: { value: "all" } };

function setting(spec: unknown) {
  const metadata = { name: "api-limits", namespace: "stock" };
  const header = { apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "UpstreamTrafficSetting" };
  return UpstreamTrafficSetting.parse({ ...header, metadata, spec });
}

function accepted(spec: object): UpstreamTrafficSetting {
  const parsed = setting({ host: HOST, ...spec });
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

function marks(spec: object): readonly string[] {
  return setting({ host: HOST, ...spec }).findings.map(({ code, path }) => `${code} ${path}`);
}

/** `{ a: { b: value } }` from `a.b`. */
function nested(path: string, value: unknown): object {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;
}

function descriptors(entries: unknown) {
  return { rateLimit: { global: { http: { ...SERVICE, descriptors: [{ entries }] } } } };
}

describe("UpstreamTrafficSetting.parse", () => {
  it("has OSM's defaults for all that is left out", () => {
    const { host, connectionSettings, rateLimit, httpRoutes } = accepted({});
    assert.deepEqual(connectionSettings, {
      tcp: { maxConnections: MOST, connectTimeout: 5000, idleTimeout: 3_600_000 },
      http: {
        maxRequests: MOST,
        maxRequestsPerConnection: 0,
        maxPendingRequests: MOST,
        maxRetries: MOST,
        idleTimeout: 3_600_000,
      },
    });
    assert.deepEqual([host, rateLimit, httpRoutes], [HOST, { local: {}, global: {} }, []]);
  });

  for (const empty of [
    { connectionSettings: {} },
    { connectionSettings: { tcp: {}, http: null } },
    { rateLimit: { local: {}, global: null } },
    { rateLimit: null, httpRoutes: null },
  ]) {
    it(`reads ${JSON.stringify(empty)} as nothing said`, () => assert.deepEqual(accepted(empty), accepted({})));
  }

  it("tells no connections from a number that was left out, and for ever from an hour", () => {
    const { tcp } = accepted({
      connectionSettings: { tcp: { maxConnections: 0, idleTimeout: "0s" } },
    }).connectionSettings;
    assert.deepEqual([tcp.maxConnections, tcp.idleTimeout], [0, 0]);
  });

  it("reads local limits, the unit as a span", () => {
    const headers = [{ name: "X-Limit", value: "100%%" }];
    const { local } = accepted({
      rateLimit: {
        local: {
          tcp: { connections: 10, unit: "second", burst: 5 },
          http: { requests: 100, unit: "minute", responseStatusCode: 503, responseHeadersToAdd: headers },
        },
      },
    }).rateLimit;
    assert.deepEqual(local, {
      tcp: { connections: 10, interval: 1000, burst: 5 },
      http: {
        requests: 100,
        interval: 60_000,
        burst: 0,
        responseStatusCode: 503,
        responseHeadersToAdd: [{ name: "x-limit", value: "100%%" }],
      },
    });
  });

  it("reads global limits with their defaults, and each kind of entry and test", () => {
    const headers = [
      { name: "A", exact: "a" },
      { name: "Host", prefix: "b" },
      { name: ":path", suffix: "c" },
      { name: "d", regex: "d.*" },
      { name: "e", contains: "e" },
      { name: "f", present: false },
    ];
    const entries = [
      GENERIC,
      { genericKey: { value: "v", key: "k" } },
      { remoteAddress: {} },
      { requestHeader: { name: "X-User", key: "user" } },
      { headerValueMatch: { value: "v", headers } },
      { headerValueMatch: { value: "v", headers: [{ name: "g", present: true }], key: "k", expectMatch: false } },
    ];
    const tcp = { ...SERVICE, descriptors: [{ entries: [{ key: "a", value: "b" }] }], timeout: "1s", failOpen: false };
    const http = { ...SERVICE, descriptors: [{ entries }], enableXRateLimitHeaders: true };
    const { global } = accepted({ rateLimit: { global: { tcp, http } } }).rateLimit;
    assert.deepEqual(global.tcp, { ...tcp, descriptors: [[{ key: "a", value: "b" }]], timeout: 1000 });
    const { descriptors: read, ...rest } = global.http ?? { descriptors: [] };
    assert.deepEqual(rest, {
      ...SERVICE,
      timeout: 20,
      failOpen: true,
      enableXRateLimitHeaders: true,
      responseStatusCode: 429,
    });
    assert.deepEqual(read, [
      [
        { kind: "generic-key", value: "all", key: "generic_key" },
        { kind: "generic-key", value: "v", key: "k" },
        { kind: "remote-address" },
        { kind: "request-header", header: "x-user", key: "user" },
        {
          kind: "header-value-match",
          value: "v",
          key: "header_match",
          expectMatch: true,
          headers: [
            { name: "a", is: { kind: "exact", value: "a" } },
            { name: ":authority", is: { kind: "prefix", value: "b" } },
            { name: ":path", is: { kind: "suffix", value: "c" } },
            { name: "d", is: { kind: "regex", value: "d.*" } },
            { name: "e", is: { kind: "contains", value: "e" } },
            { name: "f", is: { kind: "present", present: false } },
          ],
        },
        {
          kind: "header-value-match",
          value: "v",
          key: "k",
          expectMatch: false,
          headers: [{ name: "g", is: { kind: "present", present: true } }],
        },
      ],
    ]);
  });

  it("reads routes", () => {
    const local = { requests: 5, unit: "hour" };
    const { httpRoutes } = accepted({
      httpRoutes: [
        { path: "/items", rateLimit: { local } },
        { path: ".*", rateLimit: { global: { descriptors: [{ entries: [GENERIC] }] } } },
        { path: "/" },
      ],
    });
    const all = { kind: "generic-key", value: "all", key: "generic_key" };
    assert.deepEqual(httpRoutes, [
      {
        path: "/items",
        rateLimit: {
          local: { requests: 5, interval: 3_600_000, burst: 0, responseStatusCode: 429, responseHeadersToAdd: [] },
          global: [],
        },
      },
      { path: ".*", rateLimit: { global: [[all]] } },
      { path: "/", rateLimit: { global: [] } },
    ]);
  });

  // Path under spec, a bad value, and where it is told if not there.
  const local = "rateLimit.local";
  const limit = { requests: 1, unit: "second" };
  const bad: readonly (readonly [string, unknown, string?])[] = [
    ["connectionSettings", "x"],
    ["connectionSettings.tcp.maxConnections", -1],
    ["connectionSettings.tcp.maxConnections", MOST + 1],
    ["connectionSettings.tcp.maxConnections", 1.5],
    ["connectionSettings.tcp.connectTimeout", "soon"],
    ["connectionSettings.tcp.connectTimeout", "0s"],
    ["connectionSettings.tcp.connectTimeout", "9999999h"],
    ["connectionSettings.tcp.idleTimeout", "-1s"],
    ["connectionSettings.http.maxRequests", "10"],
    ["connectionSettings.http.maxRequestsPerConnection", -1],
    ["connectionSettings.http.maxPendingRequests", -1],
    ["connectionSettings.http.maxRetries", -1],
    ["connectionSettings.http.idleTimeout", 5],
    [`${local}.tcp`, { connections: 0, unit: "second" }, ".connections"],
    [`${local}.tcp`, { connections: 2 ** 31, unit: "second" }, ".connections"],
    [`${local}.tcp`, { connections: 1, unit: "day" }, ".unit"],
    [`${local}.tcp`, { connections: 1 }, ".unit"],
    [`${local}.tcp`, { unit: "second" }, ".connections"],
    [`${local}.http`, { requests: 0, unit: "second" }, ".requests"],
    ["rateLimit.global.tcp", { ...SERVICE, descriptors: [] }, ".descriptors"],
    [
      "rateLimit.global.tcp",
      { ...SERVICE, descriptors: [{ entries: [{ key: "a", value: "" }] }] },
      ".descriptors[0].entries[0].value",
    ],
    ["rateLimit.global.tcp", SERVICE, ".descriptors"],
    ["rateLimit.global.http", { domain: "a" }, ".rateLimitService"],
    ["rateLimit.global.http", { ...SERVICE, domain: "" }, ".domain"],
    ["rateLimit.global.http", { ...SERVICE, rateLimitService: { host: "a:1", port: 1 } }, ".rateLimitService.host"],
    ["rateLimit.global.http", { ...SERVICE, rateLimitService: { host: "a", port: 0 } }, ".rateLimitService.port"],
    ["httpRoutes", [{ path: "" }], "[0].path"],
    ["httpRoutes", [{ rateLimit: {} }], "[0].path"],
    ["httpRoutes", "x"],
  ];
  for (const [path, value, at = ""] of bad) {
    it(`is without ${path}: ${JSON.stringify(value)}, and says so once`, () => {
      assert.deepEqual(accepted(nested(path, value)), accepted({}));
      assert.deepEqual(marks(nested(path, value)), [`field-invalid spec.${path}${at}`]);
    });
  }

  // Of a limit that is good but for one field: the default of that field.
  const httpFields: readonly (readonly [object, string, object])[] = [
    [{ burst: -1 }, "burst", { burst: 0 }],
    [{ responseStatusCode: 200 }, "responseStatusCode", { responseStatusCode: 429 }],
    [{ responseStatusCode: 430 }, "responseStatusCode", { responseStatusCode: 429 }],
    [{ responseStatusCode: 600 }, "responseStatusCode", { responseStatusCode: 429 }],
    ...["", "a b", "Host", ":path", "x\n"].map(
      (name) => [{ responseHeadersToAdd: [{ name, value: "v" }] }, "responseHeadersToAdd[0].name", {}] as const,
    ),
    ...["", "a\r\nb", "100%", "%NOPE%"].map(
      (value) => [{ responseHeadersToAdd: [{ name: "n", value }] }, "responseHeadersToAdd[0].value", {}] as const,
    ),
  ];
  for (const [change, field, expected] of httpFields) {
    it(`mends a local limit with ${JSON.stringify(change)}`, () => {
      const spec = { rateLimit: { local: { http: { ...limit, ...change } } } };
      const plain = accepted({ rateLimit: { local: { http: limit } } }).rateLimit.local.http;
      assert.deepEqual(accepted(spec).rateLimit.local.http, { ...plain, ...expected });
      assert.deepEqual(marks(spec), [`field-invalid spec.rateLimit.local.http.${field}`]);
    });
  }

  it("takes the status 0, which OSM took, for none", () => {
    const spec = { rateLimit: { local: { http: { ...limit, responseStatusCode: 0 } } } };
    assert.deepEqual([accepted(spec).rateLimit.local.http?.responseStatusCode, marks(spec)], [429, []]);
  });

  const header = (test: object) => ({ headerValueMatch: { value: "v", headers: [{ name: "a", ...test }] } });
  const entries: readonly (readonly [unknown, string])[] = [
    [{}, ""],
    [{ ...GENERIC, remoteAddress: {} }, ""],
    ["all", ""],
    [{ genericKey: {} }, ".genericKey.value"],
    [{ genericKey: { value: "" } }, ".genericKey.value"],
    [{ remoteAddress: "yes" }, ".remoteAddress"],
    [{ requestHeader: { name: "a b", key: "k" } }, ".requestHeader.name"],
    [{ requestHeader: { name: "a" } }, ".requestHeader.key"],
    [{ headerValueMatch: { value: "v", headers: [] } }, ".headerValueMatch.headers"],
    [{ headerValueMatch: { value: "v" } }, ".headerValueMatch.headers"],
    [header({}), ".headerValueMatch.headers[0]"],
    [header({ exact: "a", present: true }), ".headerValueMatch.headers[0]"],
    [header({ exact: "" }), ".headerValueMatch.headers[0].exact"],
    [header({ regex: "(" }), ".headerValueMatch.headers[0].regex"],
    [header({ present: "yes" }), ".headerValueMatch.headers[0].present"],
  ];
  // With an entry less, a descriptor would count other requests than those that were meant.
  for (const [entry, path] of entries) {
    it(`leaves out the whole descriptor for the entry ${JSON.stringify(entry)}`, () => {
      const both = {
        rateLimit: {
          global: { http: { ...SERVICE, descriptors: [{ entries: [GENERIC, entry] }, { entries: [GENERIC] }] } },
        },
      };
      assert.deepEqual(accepted(both), accepted(descriptors([GENERIC])));
      assert.deepEqual(marks(both), [`field-invalid spec.rateLimit.global.http.descriptors[0].entries[1]${path}`]);
    });
  }

  for (const spec of [undefined, {}, { host: "" }, { host: "a b" }, { host: "a:80" }, []]) {
    it(`refuses ${JSON.stringify(spec)}: it is for no host`, () => assert.equal(setting(spec).ok, false));
  }

  for (const host of ["api", "api.stock", "Partner.Example.org", "10.0.0.1"]) {
    it(`keeps the host ${host}`, () => assert.equal(accepted({ host }).host, host.toLowerCase()));
  }
});
