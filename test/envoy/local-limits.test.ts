/** How often requests, counted by the server's own Envoy. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CLIENT, HTTP, LimitedMesh, OTHER, SERVER, setting } from "../support/limited-mesh.ts";
import { whenTaken } from "../support/statistics.ts";
import { httpRoutes, meshConfig, trafficTarget } from "../support/workloads.ts";

describe("limits of requests, kept by the server's proxy", () => {
  const COUNTER = "http_local_rate_limiter.http_local_rate_limit.rate_limited";
  const limit = (more: object = {}) => ({ requests: 3, unit: "minute", ...more });
  let limited: LimitedMesh;
  before(async () => {
    limited = await LimitedMesh.start();
  });
  after(() => limited?.stop());

  it("RL4: answer 429 when the tokens are used up", async () => {
    await limited.force(SERVER, ["routes"], { rateLimit: { local: { http: limit() } } });
    assert.deepEqual(await limited.statuses(10), { 200: 3, 429: 7 });
    assert.equal(await limited.counted(SERVER, COUNTER), 7);
  });

  it("RL5: let a burst pass", async () => {
    await limited.force(SERVER, ["routes"], { rateLimit: { local: { http: limit({ burst: 10 }) } } });
    assert.deepEqual(await limited.statuses(10), { 200: 10 });
    assert.equal(await limited.counted(SERVER, COUNTER), 7);
  });

  it("RL6: are for one route alone, by the text of its path [e2e_local_ratelimit]", async () => {
    await limited.force(SERVER, ["routes"], { httpRoutes: [{ path: ".*", rateLimit: { local: limit() } }] });
    assert.deepEqual(await limited.statuses(10), { 200: 3, 429: 7 });
    assert.equal(await limited.counted(SERVER, COUNTER), 14);
  });

  it("answer with the status and headers that they are told to", async () => {
    const responseHeadersToAdd = [{ name: "My-Limit", value: "three a minute" }];
    await limited.force(SERVER, ["routes"], {
      rateLimit: { local: { http: limit({ requests: 1, responseStatusCode: 503, responseHeadersToAdd }) } },
    });
    const [good, bad] = await limited.mesh.http(CLIENT, HTTP, { count: 2 });
    assert.deepEqual([good?.status, good?.headers["my-limit"]], [200, undefined]);
    assert.deepEqual([bad?.status, bad?.headers["my-limit"]], [503, "three a minute"]);
  });

  for (const [host, requests] of [
    ["fortio", 1],
    ["fortio.demo", 2],
    ["fortio.demo.svc", 3],
  ] as const) {
    it(`are found by the short name ${host}`, async () => {
      await limited.force(SERVER, ["routes"], { host, rateLimit: { local: { http: limit({ requests }) } } });
      assert.deepEqual(await limited.statuses(4), { 200: requests, 429: 4 - requests });
    });
  }

  it("are of the first of two settings of a host", async () => {
    const later = setting({ rateLimit: { local: { http: limit({ requests: 100 }) } } }, "later");
    await limited.mesh.apply(later);
    await limited.force(SERVER, ["routes"], { rateLimit: { local: { http: limit({ requests: 2 }) } } });
    assert.deepEqual(await limited.statuses(5), { 200: 2, 429: 3 });
    await limited.mesh.delete(later);
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
    await limited.mesh.apply(books, allowed, tcpOnly);
    await whenTaken(limited.mesh, SERVER, ["routes"], () => limited.mesh.apply(meshConfig({ permissive: false })));
    await whenTaken(limited.mesh, SERVER, ["routes"], () =>
      limited.mesh.apply(setting({ rateLimit: { local: { http: limit({ unit: "hour" }) } } })),
    );
    const denied = await limited.mesh.http(OTHER, HTTP, { count: 10 });
    assert.deepEqual([...new Set(denied.map(({ status }) => status))], [403]);
    assert.deepEqual(await limited.statuses(5), { 200: 3, 429: 2 });
    await whenTaken(limited.mesh, SERVER, ["routes"], () => limited.mesh.apply(meshConfig({ permissive: true })));
    await limited.mesh.delete(books, allowed, tcpOnly);
  });
});
