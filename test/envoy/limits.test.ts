/** How much and how often, on real Envoys: circuit breakers, local rate limits, and a real rate limit service. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import type { Asked, Limit } from "../support/rate-limit-service.ts";
import { script } from "../support/script.ts";
import { statistic, statistics, whenTaken } from "../support/statistics.ts";
import { upstreamSetting } from "../support/traffic-policies.ts";
import {
  app,
  client,
  httpRoutes,
  type Manifest,
  meshConfig,
  namespace,
  service,
  trafficTarget,
} from "../support/workloads.ts";

const CLIENT = "demo/client";
const SERVER = "demo/fortio";
const HTTP = "http://fortio.demo.svc.cluster.local:8080";
const TCP = { host: "fortio.demo.svc.cluster.local", port: 8078 };

/** What the rate limit service allows. All windows are of a minute, so each test has a key of its own. */
const LIMITS: readonly Limit[] = [
  { domain: "test", entries: { my_key: "my_value" }, requests: 1, per: "minute" },
  { domain: "test", entries: { generic_key: "my_value" }, requests: 1, per: "minute" },
  { domain: "test", entries: { remote_address: "" }, requests: 3, per: "minute" },
  { domain: "test", entries: { my_header: "foo" }, requests: 5, per: "minute" },
  { domain: "test", entries: { header_match: "foo" }, requests: 7, per: "minute" },
  { domain: "test", entries: { unmatched: "foo" }, requests: 2, per: "minute" },
  { domain: "test", entries: { route: "books" }, requests: 2, per: "minute" },
  { domain: "test", entries: { generic_key: "both", who: "ann" }, requests: 1, per: "minute" },
  { domain: "test", entries: { told: "so" }, requests: 1, per: "minute" },
];
const RLS = { host: "ratelimiter.rls.svc.cluster.local", port: 8081 };

/** Speaks HTTP on 8080 and echoes lines on 8078, as OSM's fortio does. */
const FORTIO: readonly Manifest[] = [
  ...app({ namespace: "demo", name: "fortio", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }).map((one) =>
    one["kind"] === "Deployment"
      ? withContainer(one, "tcp", ["osm", "demo", "app", "tcp-echo", "--port", "8078"])
      : one,
  ),
  service({ namespace: "demo", name: "fortio" }, [
    { name: "http", port: 8080, appProtocol: "http" },
    { name: "tcp", port: 8078, appProtocol: "tcp" },
  ]),
];

const MANIFESTS = [
  namespace("demo"),
  namespace("rls", "outside"),
  meshConfig({ permissive: true }),
  ...FORTIO,
  ...client({ namespace: "demo", name: "client" }),
  ...client({ namespace: "demo", name: "other" }),
  ...app({
    namespace: "rls",
    name: "ratelimiter",
    run: { command: script("rate-limit-service.ts", "8081", JSON.stringify(LIMITS)) },
    port: 8081,
  }),
  service({ namespace: "rls", name: "ratelimiter" }, [{ port: 8081, appProtocol: "grpc" }]),
];

function withContainer(deployment: Manifest, name: string, command: readonly string[]): Manifest {
  const whole = structuredClone(deployment) as {
    spec: { template: { spec: { containers: Record<string, unknown>[] } } };
  };
  const { containers } = whole.spec.template.spec;
  containers.push({ name, image: containers[0]?.["image"], command });
  return whole as unknown as Manifest;
}

const setting = (spec: object, name = "fortio") =>
  upstreamSetting({ namespace: "demo", name }, { host: "fortio.demo.svc.cluster.local", ...spec });

describe("limits", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
    await mesh.eventually("everything answers", 10_000, async () => {
      assert.equal((await mesh.get(CLIENT, HTTP)).status, 200);
      assert.equal(await echoes(1), 1);
    });
  });
  after(() => mesh?.stop());

  /** How many of so many connections, one after the other, were answered. */
  async function echoes(count: number): Promise<number> {
    const { data } = await mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 250, count });
    return data.split("echo response: hello\n").length - 1;
  }

  async function statuses(count: number, options: Parameters<TestMesh["http"]>[2] = {}, path = "/") {
    const found: Record<string, number> = {};
    for (const { status } of await mesh.http(CLIENT, HTTP + path, { count, ...options })) {
      found[status] = (found[status] ?? 0) + 1;
    }
    return found;
  }

  /** Puts a setting into force, at the client's or the server's proxy. */
  const force = (pod: string, parts: Parameters<typeof whenTaken>[2], spec: object) =>
    whenTaken(mesh, pod, parts, () => mesh.apply(setting(spec)));
  const lift = (pod: string, parts: Parameters<typeof whenTaken>[2]) =>
    whenTaken(mesh, pod, parts, () => mesh.delete(setting({})));

  describe("of connections, at the caller", () => {
    const CLUSTER = "cluster.demo/fortio|8080";

    it("CB1: do not exist without a setting", async () => {
      const { outcomes } = await mesh.load(CLIENT, { url: `${HTTP}/get`, perSecond: 100, seconds: 0.5 });
      assert.deepEqual(outcomes, { 200: 50 });
    });

    it("CB2: let one request through and one wait, and answer the others 503", async () => {
      await force(CLIENT, ["clusters"], {
        connectionSettings: {
          tcp: { maxConnections: 1 },
          http: { maxPendingRequests: 1, maxRequestsPerConnection: 1 },
        },
      });
      const before = await statistic(mesh, CLIENT, `${CLUSTER}.upstream_rq_pending_overflow`);
      const { outcomes } = await mesh.load(CLIENT, { url: `${HTTP}/stream?seconds=2`, perSecond: 40, seconds: 0.5 });
      const overflow = await statistic(mesh, CLIENT, `${CLUSTER}.upstream_rq_pending_overflow`);
      assert.deepEqual(outcomes, { 200: 2, 503: 18 });
      assert.equal(overflow - before, outcomes[503]);
      // Each connection served one request.
      const found = await statistics(mesh, CLIENT, "cluster.demo/fortio.8080.upstream_cx_max_requests");
      assert.ok((found.get(`${CLUSTER}.upstream_cx_max_requests`) ?? 0) >= 2);
    });

    it("count requests too, and are taken back", async () => {
      await force(CLIENT, ["clusters"], { connectionSettings: { http: { maxRequests: 3 } } });
      const url = `${HTTP}/stream?seconds=2`;
      const bounded = await mesh.load(CLIENT, { url, perSecond: 40, seconds: 0.25 });
      assert.deepEqual(bounded.outcomes, { 200: 3, 503: 7 });
      await lift(CLIENT, ["clusters"]);
      const free = await mesh.load(CLIENT, { url, perSecond: 40, seconds: 0.25 });
      assert.deepEqual(free.outcomes, { 200: 10 });
    });

    it("end connections that are idle, of requests and of bytes", async () => {
      await force(CLIENT, ["clusters", "listeners"], {
        connectionSettings: { tcp: { idleTimeout: "300ms" }, http: { idleTimeout: "200ms" } },
      });
      const { ended } = await mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 5000 });
      assert.equal(ended, "end");
      assert.equal((await mesh.get(CLIENT, HTTP)).status, 200);
      await mesh.eventually("the idle connection is closed", 3000, async () => {
        assert.ok((await statistic(mesh, CLIENT, `${CLUSTER}.upstream_cx_idle_timeout`)) > 0);
      });
      await lift(CLIENT, ["clusters", "listeners"]);
      const silent = await mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 1000 });
      assert.equal(silent.ended, "waited");
    });
  });

  describe("of connections, at the server", () => {
    const COUNTER = "local_rate_limit.inbound_demo/fortio_8078_tcp.rate_limited";

    it("RL1: do not exist without a setting", async () => {
      assert.equal(await echoes(10), 10);
    });

    it("RL2: let as many connect as there are tokens, and close the others", async () => {
      await force(SERVER, ["listeners"], { rateLimit: { local: { tcp: { connections: 1, unit: "minute" } } } });
      assert.equal(await echoes(10), 1);
      assert.equal(await statistic(mesh, SERVER, COUNTER), 9);
    });

    it("RL3: let a burst pass", async () => {
      await force(SERVER, ["listeners"], {
        rateLimit: { local: { tcp: { connections: 1, unit: "minute", burst: 10 } } },
      });
      assert.equal(await echoes(10), 10);
      assert.equal(await statistic(mesh, SERVER, COUNTER), 9);
    });

    it("RL7: are asked of a rate limit service", async () => {
      await force(SERVER, ["clusters", "listeners"], {
        rateLimit: {
          global: {
            tcp: {
              rateLimitService: RLS,
              domain: "test",
              failOpen: false,
              timeout: "10s",
              descriptors: [{ entries: [{ key: "my_key", value: "my_value" }] }],
            },
          },
        },
      });
      assert.equal(await echoes(5), 1);
      const found = await statistics(mesh, SERVER, "^ratelimit.inbound_demo/fortio_8078_tcp");
      const counts = ["ok", "over_limit", "cx_closed", "total"].map((name) =>
        found.get(`ratelimit.inbound_demo/fortio_8078_tcp.${name}`),
      );
      assert.deepEqual(counts, [1, 4, 4, 5]);
    });

    for (const failOpen of [true, false]) {
      it(`${failOpen ? "pass" : "are closed"} while that service is away, with failOpen ${failOpen}`, async () => {
        await force(SERVER, ["listeners"], {
          rateLimit: {
            global: {
              tcp: {
                rateLimitService: { host: "nobody.rls", port: 8081 },
                domain: "test",
                failOpen,
                timeout: "200ms",
                descriptors: [{ entries: [{ key: "my_key", value: "my_value" }] }],
              },
            },
          },
        });
        assert.equal(await echoes(2), failOpen ? 2 : 0);
      });
    }
  });

  describe("of requests, kept by the server's proxy", () => {
    const COUNTER = "http_local_rate_limiter.http_local_rate_limit.rate_limited";
    const limit = (more: object = {}) => ({ requests: 3, unit: "minute", ...more });

    it("RL4: answer 429 when the tokens are used up", async () => {
      await force(SERVER, ["routes"], { rateLimit: { local: { http: limit() } } });
      assert.deepEqual(await statuses(10), { 200: 3, 429: 7 });
      assert.equal(await statistic(mesh, SERVER, COUNTER), 7);
    });

    it("RL5: let a burst pass", async () => {
      await force(SERVER, ["routes"], { rateLimit: { local: { http: limit({ burst: 10 }) } } });
      assert.deepEqual(await statuses(10), { 200: 10 });
      assert.equal(await statistic(mesh, SERVER, COUNTER), 7);
    });

    it("RL6: are for one route alone, by the text of its path [e2e_local_ratelimit]", async () => {
      await force(SERVER, ["routes"], { httpRoutes: [{ path: ".*", rateLimit: { local: limit() } }] });
      assert.deepEqual(await statuses(10), { 200: 3, 429: 7 });
      assert.equal(await statistic(mesh, SERVER, COUNTER), 14);
    });

    it("answer with the status and headers that they are told to", async () => {
      const responseHeadersToAdd = [{ name: "My-Limit", value: "three a minute" }];
      await force(SERVER, ["routes"], {
        rateLimit: { local: { http: limit({ requests: 1, responseStatusCode: 503, responseHeadersToAdd }) } },
      });
      const [good, bad] = await mesh.http(CLIENT, HTTP, { count: 2 });
      assert.deepEqual([good?.status, good?.headers["my-limit"]], [200, undefined]);
      assert.deepEqual([bad?.status, bad?.headers["my-limit"]], [503, "three a minute"]);
    });

    for (const [host, requests] of [
      ["fortio", 1],
      ["fortio.demo", 2],
      ["fortio.demo.svc", 3],
    ] as const) {
      it(`are found by the short name ${host}`, async () => {
        await force(SERVER, ["routes"], { host, rateLimit: { local: { http: limit({ requests }) } } });
        assert.deepEqual(await statuses(4), { 200: requests, 429: 4 - requests });
      });
    }

    it("are of the first of two settings of a host", async () => {
      const later = setting({ rateLimit: { local: { http: limit({ requests: 100 }) } } }, "later");
      await mesh.apply(later);
      await force(SERVER, ["routes"], { rateLimit: { local: { http: limit({ requests: 2 }) } } });
      assert.deepEqual(await statuses(5), { 200: 2, 429: 3 });
      await mesh.delete(later);
    });

    it("do not count the requests of those who may not call at all", async () => {
      const books = httpRoutes({ namespace: "demo", name: "routes" }, [{ name: "all", pathRegex: ".*" }]);
      const allowed = trafficTarget({
        namespace: "demo",
        name: "client-calls",
        to: "fortio",
        from: [{ namespace: "demo", name: "client" }],
        rules: [{ kind: "HTTPRouteGroup", name: "routes", matches: ["all"] }],
      });
      const tcpOnly = trafficTarget({
        namespace: "demo",
        name: "other-knows",
        to: "fortio",
        from: [{ namespace: "demo", name: "other" }],
        rules: [{ kind: "HTTPRouteGroup", name: "none", matches: ["none"] }],
      });
      await mesh.apply(books, allowed, tcpOnly);
      await whenTaken(mesh, SERVER, ["routes"], () => mesh.apply(meshConfig({ permissive: false })));
      await whenTaken(mesh, SERVER, ["routes"], () =>
        mesh.apply(setting({ rateLimit: { local: { http: limit({ unit: "hour" }) } } })),
      );
      const denied = await mesh.http("demo/other", HTTP, { count: 10 });
      assert.deepEqual([...new Set(denied.map(({ status }) => status))], [403]);
      assert.deepEqual(await statuses(5), { 200: 3, 429: 2 });
      await whenTaken(mesh, SERVER, ["routes"], () => mesh.apply(meshConfig({ permissive: true })));
      await mesh.delete(books, allowed, tcpOnly);
    });
  });

  describe("of requests, asked of a rate limit service", () => {
    const OVER = "cluster.demo/fortio|8080|local.ratelimit.over_limit";
    const http = (descriptors: readonly (readonly object[])[], more: object = {}) => ({
      rateLimitService: RLS,
      domain: "test",
      failOpen: false,
      timeout: "10s",
      descriptors: descriptors.map((entries) => ({ entries })),
      ...more,
    });
    const ask = (descriptors: readonly (readonly object[])[], more: object = {}) =>
      force(SERVER, ["routes"], { rateLimit: { global: { http: http(descriptors) } }, ...more });

    before(async () => {
      const idle = http([[{ genericKey: { value: "of no limit" } }]]);
      await force(SERVER, ["clusters", "listeners", "routes"], { rateLimit: { global: { http: idle } } });
      // A request on a connection that is older than the listener is its last, and goes the old way.
      await mesh.get(CLIENT, HTTP);
    });

    it("RL8: genericKey", async () => {
      await ask([[{ genericKey: { value: "my_value" } }]]);
      assert.deepEqual(await statuses(10), { 200: 1, 429: 9 });
      assert.equal(await statistic(mesh, SERVER, OVER), 9);
    });

    it("RL9: remoteAddress", async () => {
      await ask([[{ remoteAddress: {} }]]);
      assert.deepEqual(await statuses(10), { 200: 3, 429: 7 });
      // Another caller has a count of its own.
      assert.equal((await mesh.get("demo/other", HTTP)).status, 200);
    });

    it("RL10: requestHeader, and nothing is asked about a request without it", async () => {
      await ask([[{ requestHeader: { name: "my-header", key: "my_header" } }]]);
      assert.deepEqual(await statuses(10, { headers: { "my-header": "foo" } }), { 200: 5, 429: 5 });
      assert.deepEqual(await statuses(10, { headers: { "my-header": "baz" } }), { 200: 10 });
      assert.deepEqual(await statuses(10), { 200: 10 });
    });

    it("RL11: headerValueMatch [e2e_global_ratelimit]", async () => {
      const headers = [
        { name: "my-header", present: true },
        { name: "other-header", present: false },
      ];
      await ask([[{ headerValueMatch: { value: "foo", headers } }]]);
      const before = await statistic(mesh, SERVER, OVER);
      assert.deepEqual(await statuses(10, { headers: { "my-header": "1" } }), { 200: 7, 429: 3 });
      assert.equal((await statistic(mesh, SERVER, OVER)) - before, 3);
      assert.deepEqual(await statuses(10, { headers: { "other-header": "1" } }), { 200: 10 });
    });

    it("headerValueMatch with expectMatch false counts what does not match", async () => {
      const headers = [{ name: "my-header", regex: "a[0-9]+" }];
      await ask([[{ headerValueMatch: { key: "unmatched", value: "foo", headers, expectMatch: false } }]]);
      assert.deepEqual(await statuses(4, { headers: { "my-header": "a12" } }), { 200: 4 });
      assert.deepEqual(await statuses(4, { headers: { "my-header": "a12b" } }), { 200: 2, 429: 2 });
    });

    it("all entries of a descriptor are one question", async () => {
      await ask([[{ genericKey: { value: "both" } }, { requestHeader: { name: "who", key: "who" } }]]);
      assert.deepEqual(await statuses(3, { headers: { who: "ann" } }), { 200: 1, 429: 2 });
      assert.deepEqual(await statuses(3), { 200: 3 });
      const { body } = await mesh.get("rls/ratelimiter", "http://127.0.0.1:8082/asked");
      // The list is longer than the client keeps; what was asked first is in it, and in OSM's words.
      const tcp: Asked = { domain: "test", descriptors: [["my_key=my_value"]] };
      assert.ok(body.includes(JSON.stringify(tcp)), body);
    });

    it("of a route, in place of the virtual host's", async () => {
      const route = { path: ".*", rateLimit: { global: { descriptors: [{ entries: [BOOKS] }] } } };
      await ask([[{ genericKey: { value: "my_value" } }]], { httpRoutes: [route] });
      assert.deepEqual(await statuses(4), { 200: 2, 429: 2 });
    });

    it("tell how much is left, and answer as they are told", async () => {
      const told = http([[{ genericKey: { key: "told", value: "so" } }]], {
        enableXRateLimitHeaders: true,
        responseStatusCode: 503,
      });
      await force(SERVER, ["listeners", "routes"], { rateLimit: { global: { http: told } } });
      await mesh.eventually("the headers are there", 5000, async () => {
        const { status, headers } = await mesh.get(CLIENT, HTTP);
        assert.equal(status, 503);
        assert.equal(headers["x-ratelimit-limit"], "1, 1;w=60");
        assert.equal(headers["x-ratelimit-remaining"], "0");
      });
    });

    for (const failOpen of [true, false]) {
      it(`${failOpen ? "pass" : "are answered 500"} while that service is away, with failOpen ${failOpen}`, async () => {
        await mesh.apply(
          setting({
            rateLimit: {
              global: {
                http: http([[{ genericKey: { value: "my_value" } }]], {
                  rateLimitService: { host: "nobody.rls", port: 8081 },
                  failOpen,
                  timeout: "200ms",
                }),
              },
            },
          }),
        );
        await mesh.eventually("the new service is asked", 5000, async () => {
          assert.deepEqual(await statuses(3), { [failOpen ? 200 : 500]: 3 });
        });
      });
    }
  });
});

const BOOKS = { genericKey: { key: "route", value: "books" } };
