/** One account with services of two protocols, and one target for both. */
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

const NS = "shop";
const ALICE = { namespace: "people", name: "alice" };
const BOB = { namespace: "people", name: "bob" };
const WEB = "http://web.shop:8080";

/** Both are the account `web`'s. */
const SERVER = { namespace: NS, account: "web" };

const MANIFESTS = [
  namespace(NS),
  namespace("people"),
  meshConfig({ permissive: false }),
  ...client(ALICE),
  ...client(BOB),
  ...app({ ...SERVER, name: "web", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }),
  service({ namespace: NS, name: "web" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({ ...SERVER, name: "raw", run: { app: ["tcp-echo", "--port", "9000"] }, port: 9000 }),
  service({ namespace: NS, name: "raw" }, [{ port: 9000, appProtocol: "tcp" }]),
  ...app({ ...SERVER, name: "other", run: { app: ["tcp-echo", "--port", "9001"] }, port: 9001 }),
  service({ namespace: NS, name: "other" }, [{ port: 9001, appProtocol: "tcp" }]),
  // A TCPRoute narrows its whole target, so the port of the HTTP service stands in it too.
  tcpRoute({ namespace: NS, name: "raw-port" }, [8080, 9000]),
  httpRoutes({ namespace: NS, name: "web-routes" }, [{ name: "version", pathRegex: "/version", methods: ["GET"] }]),
  trafficTarget({
    namespace: NS,
    name: "alice-both",
    to: "web",
    from: [ALICE],
    rules: [
      { kind: "HTTPRouteGroup", name: "web-routes", matches: ["version"] },
      { kind: "TCPRoute", name: "raw-port" },
    ],
  }),
];

describe("one account, several protocols", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  const echo = async (pod: string, host: string, port: number) =>
    (await mesh.tcp(pod, { host, port, send: "hello\n", waitMs: 500 })).data;

  it("PR1: one target opens the HTTP service and the TCP service of an account", async () => {
    assert.equal((await mesh.get("people/alice", `${WEB}/version`)).status, 200);
    assert.equal(await echo("people/alice", "raw.shop", 9000), "echo response: hello\n");
  });

  it("PR1: another path is not found, another method neither, and another port is closed", async () => {
    assert.equal((await mesh.get("people/alice", `${WEB}/admin`)).status, 404);
    assert.equal((await mesh.get("people/alice", `${WEB}/version`, { method: "POST" })).status, 404);
    assert.equal(await echo("people/alice", "other.shop", 9001), "");
    assert.equal(await echo("people/bob", "raw.shop", 9000), "");
  });
});
