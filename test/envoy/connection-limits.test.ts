/** How many connections and requests at once, and how often connections, on real Envoys. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CLIENT, HTTP, LimitedMesh, SERVER, TCP } from "../support/limited-mesh.ts";
import { statistics } from "../support/statistics.ts";

describe("limits", () => {
  let limited: LimitedMesh;
  before(async () => {
    limited = await LimitedMesh.start();
  });
  after(() => limited?.stop());

  describe("of connections, at the caller", () => {
    const CLUSTER = "cluster.demo/fortio|8080";

    it("CB1: do not exist without a setting", async () => {
      const { outcomes } = await limited.mesh.load(CLIENT, { url: `${HTTP}/get`, perSecond: 100, seconds: 0.5 });
      assert.deepEqual(outcomes, { 200: 50 });
    });

    it("CB2: let one request through and one wait, and answer the others 503", async () => {
      await limited.force(CLIENT, ["clusters"], {
        connectionSettings: {
          tcp: { maxConnections: 1 },
          http: { maxPendingRequests: 1, maxRequestsPerConnection: 1 },
        },
      });
      const before = await limited.counted(CLIENT, `${CLUSTER}.upstream_rq_pending_overflow`);
      const { outcomes } = await limited.mesh.load(CLIENT, {
        url: `${HTTP}/stream?seconds=2`,
        perSecond: 40,
        seconds: 0.5,
      });
      const overflow = await limited.counted(CLIENT, `${CLUSTER}.upstream_rq_pending_overflow`);
      assert.deepEqual(outcomes, { 200: 2, 503: 18 });
      assert.equal(overflow - before, outcomes[503]);
      // Each connection served one request.
      const found = await statistics(limited.mesh, CLIENT, "cluster.demo/fortio.8080.upstream_cx_max_requests");
      assert.ok((found.get(`${CLUSTER}.upstream_cx_max_requests`) ?? 0) >= 2);
    });

    it("count requests too, and are taken back", async () => {
      await limited.force(CLIENT, ["clusters"], { connectionSettings: { http: { maxRequests: 3 } } });
      const url = `${HTTP}/stream?seconds=2`;
      const bounded = await limited.mesh.load(CLIENT, { url, perSecond: 40, seconds: 0.25 });
      assert.deepEqual(bounded.outcomes, { 200: 3, 503: 7 });
      await limited.lift(CLIENT, ["clusters"]);
      const free = await limited.mesh.load(CLIENT, { url, perSecond: 40, seconds: 0.25 });
      assert.deepEqual(free.outcomes, { 200: 10 });
    });

    it("end connections that are idle, of requests and of bytes", async () => {
      await limited.force(CLIENT, ["clusters", "listeners"], {
        connectionSettings: { tcp: { idleTimeout: "300ms" }, http: { idleTimeout: "200ms" } },
      });
      const { ended } = await limited.mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 5000 });
      assert.equal(ended, "end");
      assert.equal((await limited.mesh.get(CLIENT, HTTP)).status, 200);
      await limited.mesh.eventually("the idle connection is closed", 3000, async () => {
        assert.ok((await limited.counted(CLIENT, `${CLUSTER}.upstream_cx_idle_timeout`)) > 0);
      });
      await limited.lift(CLIENT, ["clusters", "listeners"]);
      const silent = await limited.mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 1000 });
      assert.equal(silent.ended, "waited");
    });
  });

  describe("of connections, at the server", () => {
    const COUNTER = "local_rate_limit.inbound_demo/fortio_8078_tcp.rate_limited";

    it("RL1: do not exist without a setting", async () => {
      assert.equal(await limited.echoes(10), 10);
    });

    it("RL2: let as many connect as there are tokens, and close the others", async () => {
      await limited.force(SERVER, ["listeners"], { rateLimit: { local: { tcp: { connections: 1, unit: "minute" } } } });
      assert.equal(await limited.echoes(10), 1);
      assert.equal(await limited.counted(SERVER, COUNTER), 9);
    });

    it("RL3: let a burst pass", async () => {
      await limited.force(SERVER, ["listeners"], {
        rateLimit: { local: { tcp: { connections: 1, unit: "minute", burst: 10 } } },
      });
      assert.equal(await limited.echoes(10), 10);
      assert.equal(await limited.counted(SERVER, COUNTER), 9);
    });
  });
});
