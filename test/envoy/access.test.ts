/** Who may call whom, on real Envoys: TrafficTargets at layers 4 and 7, permissive mode, and clients outside the mesh. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import {
  app,
  client,
  httpRoutes,
  meshConfig,
  namespace,
  service,
  tcpRoute,
  trafficTarget,
} from "../support/workloads.ts";

const ALICE = { namespace: "people", name: "alice" };
const BOB = { namespace: "people", name: "bob" };
const API = "http://api.shop:8080";

const API_ROUTES = httpRoutes({ namespace: "shop", name: "api-routes" }, [
  { name: "books", pathRegex: "/books/[0-9]+", methods: ["GET"], headers: [{ "x-app": "reader-.*" }] },
  { name: "orders", pathRegex: "/orders", methods: ["POST"] },
]);
const ALICE_READS = trafficTarget({
  namespace: "shop",
  name: "alice-reads",
  to: "api",
  from: [ALICE],
  rules: [{ kind: "HTTPRouteGroup", name: "api-routes", matches: ["books"] }],
});
const BOB_ORDERS = trafficTarget({
  namespace: "shop",
  name: "bob-orders",
  to: "api",
  from: [BOB],
  rules: [{ kind: "HTTPRouteGroup", name: "api-routes", matches: ["orders"] }],
});
const ECHO_ROUTE = tcpRoute({ namespace: "shop", name: "echo-port" }, [9000]);
const BANNER_ROUTE = tcpRoute({ namespace: "shop", name: "banner-port" }, [9100]);
const tcpTarget = (name: string, to: string, route: string) =>
  trafficTarget({ namespace: "shop", name, to, from: [ALICE], rules: [{ kind: "TCPRoute", name: route }] });
const ALICE_ECHOES = tcpTarget("alice-echoes", "echo", "echo-port");
const ALICE_IS_GREETED = tcpTarget("alice-is-greeted", "banner", "banner-port");

const MANIFESTS = [
  namespace("shop"),
  namespace("people"),
  namespace("outside", "outside"),
  meshConfig({ permissive: false }),
  ...app({ namespace: "shop", name: "api", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({ namespace: "shop", name: "echo", run: { app: ["tcp-echo", "--port", "9000"] }, port: 9000 }),
  service({ namespace: "shop", name: "echo" }, [{ port: 9000, appProtocol: "tcp" }]),
  ...app({ namespace: "shop", name: "banner", run: { app: ["banner", "--port", "9100"] }, port: 9100 }),
  service({ namespace: "shop", name: "banner" }, [{ port: 9100, appProtocol: "tcp-server-first" }]),
  ...client(ALICE),
  ...client(BOB),
  ...client({ namespace: "people", name: "carol" }),
  ...client({ namespace: "outside", name: "eve" }),
  API_ROUTES,
  ALICE_READS,
  BOB_ORDERS,
];

/** "Takes effect within 2 s" is the word; the clock starts when the command returns. */
const SOON = 2000;
const READER = { headers: { "x-app": "reader-1" } };

describe("access", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  describe("SMI mode, HTTP", () => {
    it("lets the method, path and header of a TrafficTarget through", async () => {
      const { status, headers, body } = await mesh.get("people/alice", `${API}/books/7`, READER);
      assert.equal(status, 200);
      assert.equal(headers["server"], "envoy");
      assert.ok(headers["x-envoy-upstream-service-time"], "the response came through Envoy");
      assert.equal(JSON.parse(body).path, "/books/7");
    });
    for (const [what, path, options] of [
      ["another path", "/books/seven", READER],
      ["a path that only starts like an allowed one", "/books/7/pages", READER],
      ["another method", "/books/7", { ...READER, method: "DELETE" }],
      ["another header value", "/books/7", { headers: { "x-app": "writer" } }],
      ["no header", "/books/7", {}],
    ] as const) {
      it(`answers 404 to ${what}`, async () => {
        assert.equal((await mesh.get("people/alice", API + path, options)).status, 404);
      });
    }
    it("answers 403 to a caller whose TrafficTarget allows something else", async () => {
      const { status, body } = await mesh.get("people/alice", `${API}/orders`, { method: "POST" });
      assert.equal(status, 403);
      assert.equal(body, "RBAC: access denied");
      assert.equal((await mesh.get("people/bob", `${API}/orders`, { method: "POST" })).status, 200);
    });
    it("P2: refuses the connection of an account without any TrafficTarget", async () => {
      const { status, error } = await mesh.get("people/carol", `${API}/books/7`, READER);
      assert.equal(status, 0);
      assert.equal(error, "ECONNREFUSED");
    });
    it("answers 404 to a host name that is no service's", async () => {
      const headers = { ...READER.headers, host: "elsewhere.test" };
      assert.equal((await mesh.get("people/alice", `${API}/books/7`, { headers })).status, 404);
    });
    it("D1: takes a match with a name alone for any path and any method", async () => {
      const any = httpRoutes({ namespace: "shop", name: "any-request" }, [{ name: "any" }]);
      const target = trafficTarget({
        namespace: "shop",
        name: "bob-anything",
        to: "api",
        from: [BOB],
        rules: [{ kind: "HTTPRouteGroup", name: "any-request", matches: ["any"] }],
      });
      await mesh.apply(any, target);
      await mesh.eventually("bob is served", SOON, async () => {
        assert.equal((await mesh.get("people/bob", `${API}/dapr/state`, { method: "DELETE" })).status, 200);
      });
      assert.equal((await mesh.get("people/bob", `${API}/`)).status, 200);
      await mesh.delete(target, any);
      await mesh.eventually("bob is refused", SOON, async () => {
        assert.notEqual((await mesh.get("people/bob", `${API}/dapr/state`, { method: "DELETE" })).status, 200);
      });
    });
    it("normalises the path before it is matched", async () => {
      assert.equal((await mesh.get("people/alice", `${API}/x/../books/7`, READER)).status, 200);
    });
  });

  describe("TrafficTargets that come and go", () => {
    it("takes one away within 2 s, and gives it back within 2 s", async () => {
      await mesh.delete(ALICE_READS);
      await mesh.eventually("alice is refused", SOON, async () => {
        assert.equal((await mesh.get("people/alice", `${API}/books/7`, READER)).status, 0);
      });
      await mesh.apply(ALICE_READS);
      await mesh.eventually("alice is served", SOON, async () => {
        assert.equal((await mesh.get("people/alice", `${API}/books/7`, READER)).status, 200);
      });
    });
  });

  describe("SMI mode, TCP", () => {
    it("T2: closes a connection that no TrafficTarget allows", async () => {
      const { data } = await mesh.tcp("people/alice", { host: "echo.shop", port: 9000, send: "hello\n" });
      assert.equal(data, "");
    });
    it("T3: echoes within 2 s of its TCPRoute and TrafficTarget, and is closed within 2 s of their end", async () => {
      await mesh.apply(ECHO_ROUTE, ALICE_ECHOES);
      await mesh.eventually("an echo", SOON, async () => {
        const { data } = await mesh.tcp("people/alice", {
          host: "echo.shop",
          port: 9000,
          send: "hello\n",
          waitMs: 300,
        });
        assert.equal(data, "echo response: hello\n");
      });
      const other = await mesh.tcp("people/bob", { host: "echo.shop", port: 9000, send: "hello\n" });
      assert.equal(other.data, "");
      await mesh.delete(ALICE_ECHOES);
      await mesh.eventually("no echo", SOON, async () => {
        const { data } = await mesh.tcp("people/alice", {
          host: "echo.shop",
          port: 9000,
          send: "hello\n",
          waitMs: 300,
        });
        assert.equal(data, "");
      });
    });
    it("hears a server that speaks first, at once", async () => {
      await mesh.apply(BANNER_ROUTE, ALICE_IS_GREETED);
      await mesh.eventually("a greeting", SOON, async () => {
        const { data, firstByteMs } = await mesh.tcp("people/alice", { host: "banner.shop", port: 9100, waitMs: 500 });
        assert.notEqual(data, "");
        assert.ok(firstByteMs < 300, `the first byte took ${firstByteMs} ms`);
      });
    });
  });

  describe("permissive mode", () => {
    it("P1, T1: lets everybody in the mesh through, and nobody any more when it is switched off", async () => {
      await mesh.apply(meshConfig({ permissive: true }));
      await mesh.eventually("carol is served", SOON, async () => {
        assert.equal((await mesh.get("people/carol", `${API}/anything`)).status, 200);
      });
      const echoed = await mesh.tcp("people/carol", { host: "echo.shop", port: 9000, send: "hi\n", waitMs: 500 });
      assert.equal(echoed.data, "echo response: hi\n");
      await mesh.apply(meshConfig({ permissive: false }));
      await mesh.eventually("carol is refused", SOON, async () => {
        assert.equal((await mesh.get("people/carol", `${API}/anything`)).status, 0);
      });
      assert.equal((await mesh.get("people/alice", `${API}/books/7`, READER)).status, 200);
    });
  });

  describe("switching modes under load", () => {
    it("costs a caller that both modes allow no request", async () => {
      const load = mesh.load("people/alice", { url: `${API}/books/7`, perSecond: 40, seconds: 12, ...READER });
      for (let i = 0; i < 6; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        await mesh.apply(meshConfig({ permissive: i % 2 === 0 }));
      }
      const { requests, outcomes, failures } = await load;
      assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    });
  });

  describe("a client outside the mesh", () => {
    for (const permissive of [false, true]) {
      it(`cannot talk to a meshed server, permissive ${permissive ? "on" : "off"}`, async () => {
        await mesh.apply(meshConfig({ permissive }));
        await mesh.eventually("the mode is in force", SOON, async () => {
          const { status } = await mesh.get("people/carol", `${API}/anything`);
          assert.equal(status === 200, permissive);
        });
        const { status, error } = await mesh.get("outside/eve", `${API}/books/7`, READER);
        assert.equal(status, 0);
        assert.ok(error === "ECONNRESET" || error === "socket hang up", `refused by ${error}`);
        const { data } = await mesh.tcp("outside/eve", { host: "echo.shop", port: 9000, send: "hello\n" });
        assert.equal(data, "");
      });
    }
  });
});
