/** How often connections and requests, asked of a real rate limit service by real Envoys. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CLIENT, HTTP, LimitedMesh, OTHER, SERVER, setting } from "../support/limited-mesh.ts";
import type { Asked, Limit } from "../support/rate-limit-service.ts";
import { script } from "../support/script.ts";
import { statistics } from "../support/statistics.ts";
import { app, namespace, service } from "../support/workloads.ts";

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

const SERVICE = [
  namespace("rls", "outside"),
  ...app({
    namespace: "rls",
    name: "ratelimiter",
    run: { command: script("rate-limit-service.ts", "8081", JSON.stringify(LIMITS)) },
    port: 8081,
  }),
  service({ namespace: "rls", name: "ratelimiter" }, [{ port: 8081, appProtocol: "grpc" }]),
];
const BOOKS = { genericKey: { key: "route", value: "books" } };

describe("limits", () => {
  let limited: LimitedMesh;
  before(async () => {
    limited = await LimitedMesh.start(SERVICE);
  });
  after(() => limited?.stop());

  describe("of connections, asked of a rate limit service", () => {
    it("RL7: are asked of a rate limit service", async () => {
      await limited.force(SERVER, ["clusters", "listeners"], {
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
      assert.equal(await limited.echoes(5), 1);
      const found = await statistics(limited.mesh, SERVER, "^ratelimit.inbound_demo/fortio_8078_tcp");
      const counts = ["ok", "over_limit", "cx_closed", "total"].map((name) =>
        found.get(`ratelimit.inbound_demo/fortio_8078_tcp.${name}`),
      );
      assert.deepEqual(counts, [1, 4, 4, 5]);
    });

    for (const failOpen of [true, false]) {
      it(`${failOpen ? "pass" : "are closed"} while that service is away, with failOpen ${failOpen}`, async () => {
        await limited.force(SERVER, ["listeners"], {
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
        assert.equal(await limited.echoes(2), failOpen ? 2 : 0);
      });
    }
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
      limited.force(SERVER, ["routes"], { rateLimit: { global: { http: http(descriptors) } }, ...more });

    before(async () => {
      const idle = http([[{ genericKey: { value: "of no limit" } }]]);
      await limited.force(SERVER, ["clusters", "listeners", "routes"], { rateLimit: { global: { http: idle } } });
      // A request on a connection that is older than the listener is its last, and goes the old way.
      await limited.mesh.get(CLIENT, HTTP);
    });

    it("RL8: genericKey", async () => {
      await ask([[{ genericKey: { value: "my_value" } }]]);
      assert.deepEqual(await limited.statuses(10), { 200: 1, 429: 9 });
      assert.equal(await limited.counted(SERVER, OVER), 9);
    });

    it("RL9: remoteAddress", async () => {
      await ask([[{ remoteAddress: {} }]]);
      assert.deepEqual(await limited.statuses(10), { 200: 3, 429: 7 });
      // Another caller has a count of its own.
      assert.equal((await limited.mesh.get(OTHER, HTTP)).status, 200);
    });

    it("RL10: requestHeader, and nothing is asked about a request without it", async () => {
      await ask([[{ requestHeader: { name: "my-header", key: "my_header" } }]]);
      assert.deepEqual(await limited.statuses(10, { headers: { "my-header": "foo" } }), { 200: 5, 429: 5 });
      assert.deepEqual(await limited.statuses(10, { headers: { "my-header": "baz" } }), { 200: 10 });
      assert.deepEqual(await limited.statuses(10), { 200: 10 });
    });

    it("RL11: headerValueMatch [e2e_global_ratelimit]", async () => {
      const headers = [
        { name: "my-header", present: true },
        { name: "other-header", present: false },
      ];
      await ask([[{ headerValueMatch: { value: "foo", headers } }]]);
      const before = await limited.counted(SERVER, OVER);
      assert.deepEqual(await limited.statuses(10, { headers: { "my-header": "1" } }), { 200: 7, 429: 3 });
      assert.equal((await limited.counted(SERVER, OVER)) - before, 3);
      assert.deepEqual(await limited.statuses(10, { headers: { "other-header": "1" } }), { 200: 10 });
    });

    it("headerValueMatch with expectMatch false counts what does not match", async () => {
      const headers = [{ name: "my-header", regex: "a[0-9]+" }];
      await ask([[{ headerValueMatch: { key: "unmatched", value: "foo", headers, expectMatch: false } }]]);
      assert.deepEqual(await limited.statuses(4, { headers: { "my-header": "a12" } }), { 200: 4 });
      assert.deepEqual(await limited.statuses(4, { headers: { "my-header": "a12b" } }), { 200: 2, 429: 2 });
    });

    it("all entries of a descriptor are one question", async () => {
      await ask([[{ genericKey: { value: "both" } }, { requestHeader: { name: "who", key: "who" } }]]);
      assert.deepEqual(await limited.statuses(3, { headers: { who: "ann" } }), { 200: 1, 429: 2 });
      assert.deepEqual(await limited.statuses(3), { 200: 3 });
      const { body } = await limited.mesh.get("rls/ratelimiter", "http://127.0.0.1:8082/asked");
      // The list is longer than the client keeps; what was asked first is in it, and in OSM's words.
      const tcp: Asked = { domain: "test", descriptors: [["my_key=my_value"]] };
      assert.ok(body.includes(JSON.stringify(tcp)), body);
    });

    it("of a route, in place of the virtual host's", async () => {
      const route = { path: ".*", rateLimit: { global: { descriptors: [{ entries: [BOOKS] }] } } };
      await ask([[{ genericKey: { value: "my_value" } }]], { httpRoutes: [route] });
      assert.deepEqual(await limited.statuses(4), { 200: 2, 429: 2 });
    });

    it("tell how much is left, and answer as they are told", async () => {
      const told = http([[{ genericKey: { key: "told", value: "so" } }]], {
        enableXRateLimitHeaders: true,
        responseStatusCode: 503,
      });
      await limited.force(SERVER, ["listeners", "routes"], { rateLimit: { global: { http: told } } });
      await limited.mesh.eventually("the headers are there", 5000, async () => {
        const { status, headers } = await limited.mesh.get(CLIENT, HTTP);
        assert.equal(status, 503);
        assert.equal(headers["x-ratelimit-limit"], "1, 1;w=60");
        assert.equal(headers["x-ratelimit-remaining"], "0");
      });
    });

    for (const failOpen of [true, false]) {
      it(`${failOpen ? "pass" : "are answered 500"} while that service is away, with failOpen ${failOpen}`, async () => {
        await limited.mesh.apply(
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
        await limited.mesh.eventually("the new service is asked", 5000, async () => {
          assert.deepEqual(await limited.statuses(3), { [failOpen ? 200 : 500]: 3 });
        });
      });
    }
  });
});
