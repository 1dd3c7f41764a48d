/** The shapes that Services and traffic come in: ports, headless, StatefulSets, gRPC, WebSocket, long and large bodies. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { app, client, type Manifest, meshConfig, namespace, service } from "../support/workloads.ts";

const NS = "shop";
const CLIENT = "people/alice";

/** Three pods with names of their own behind a headless Service. */
const STATEFUL: Manifest = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { namespace: NS, name: "db" },
  spec: {
    replicas: 3,
    serviceName: "db",
    selector: { matchLabels: { app: "db" } },
    template: {
      metadata: { labels: { app: "db" } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "main",
            image: "openservicemesh/osm:dev",
            command: ["osm", "demo", "app", "http-echo", "--port", "7000"],
            ports: [{ containerPort: 7000 }],
          },
        ],
      },
    },
  },
};

const twoPorts = app({
  namespace: NS,
  name: "two-ports",
  run: { command: ["sh", "-c", "osm demo app http-echo --port 8080 & osm demo app tcp-echo --port 9000 & wait"] },
  port: 8080,
});

const MANIFESTS = [
  namespace(NS),
  namespace("people"),
  meshConfig({ permissive: true }),
  ...client({ namespace: "people", name: "alice" }),
  ...twoPorts,
  service({ namespace: NS, name: "two-ports" }, [
    { name: "web", port: 80, targetPort: 8080, appProtocol: "http" },
    { name: "tcp-raw", port: 90, targetPort: 9000 },
  ]),
  service({ namespace: NS, name: "alias" }, [{ port: 8080, appProtocol: "http" }], { selector: { app: "two-ports" } }),
  ...app({ namespace: NS, name: "crowd", run: { app: ["http-echo", "--port", "8081"] }, port: 8081, replicas: 2 }),
  service({ namespace: NS, name: "crowd" }, [{ port: 8081, appProtocol: "http" }], { headless: true }),
  STATEFUL,
  service({ namespace: NS, name: "db" }, [{ port: 7000, appProtocol: "http" }], { headless: true }),
  ...app({ namespace: NS, name: "rpc", run: { app: ["grpc-echo", "--port", "5000"] }, port: 5000 }),
  service({ namespace: NS, name: "rpc" }, [{ name: "grpc-api", port: 5000 }]),
];

describe("shapes of services and traffic", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  it("serves an HTTP and a TCP port of one Service", async () => {
    assert.equal((await mesh.get(CLIENT, "http://two-ports.shop/x")).status, 200);
    const { data } = await mesh.tcp(CLIENT, { host: "two-ports.shop", port: 90, send: "hi\n", waitMs: 500 });
    assert.equal(data, "echo response: hi\n");
  });

  it("serves two Services of one pod, and a pod that calls its own Service", async () => {
    assert.equal((await mesh.get(CLIENT, "http://alias.shop:8080/x")).status, 200);
    assert.equal((await mesh.get(`${NS}/two-ports`, "http://alias:8080/x")).status, 200);
  });

  it("reaches every pod of a headless Service by its name", async () => {
    const results = await mesh.http(CLIENT, "http://crowd.shop:8081/x", { count: 40, fresh: true });
    assert.deepEqual([...new Set(results.map(({ status }) => status))], [200]);
    assert.equal(new Set(results.map(({ headers }) => headers["identity"])).size, 2);
  });

  it("reaches each pod of a StatefulSet by its own name, and all by the Service's", async () => {
    for (const pod of ["db-0", "db-1", "db-2"]) {
      const { status, headers } = await mesh.get(CLIENT, `http://${pod}.db.shop:7000/x`);
      assert.equal(status, 200);
      assert.equal(headers["identity"], pod);
    }
    const results = await mesh.http(CLIENT, "http://db.shop:7000/x", { count: 40, fresh: true });
    assert.deepEqual([...new Set(results.map(({ status }) => status))], [200]);
    assert.equal(new Set(results.map(({ headers }) => headers["identity"])).size, 3);
  });

  it("carries gRPC with its trailers", async () => {
    const reply = await mesh.perform(CLIENT, {
      kind: "grpc",
      host: "rpc.shop",
      port: 5000,
      path: "/osm.demo.Echo/Say",
      message: "hello",
    });
    assert.partialDeepStrictEqual(reply, { status: 200, grpcStatus: "0", message: "hello", error: "" });
  });

  it("carries WebSocket both ways", async () => {
    const messages = ["one", "two", "three"];
    const reply = await mesh.perform(CLIENT, { kind: "ws", url: "ws://two-ports.shop/ws", messages });
    assert.deepEqual(reply, { received: messages });
  });

  it("uploads 100 MB", async () => {
    const size = 100 * 1024 * 1024;
    const { status, body } = await mesh.get(CLIENT, "http://two-ports.shop/upload", { method: "PUT", upload: size });
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { bytes: size });
  });

  it("streams a response for 60 s", async () => {
    const { status, body, ms } = await mesh.get(CLIENT, "http://two-ports.shop/stream?seconds=61");
    assert.equal(status, 200);
    assert.match(body, /chunk 61 of 61/);
    assert.ok(ms >= 60_000, `it took ${ms} ms`);
  });

  it("serves a Service again that was scaled to none and back, with 503 in between", async () => {
    const scaled = (replicas: number) =>
      app({ namespace: NS, name: "crowd", run: { app: ["http-echo", "--port", "8081"] }, port: 8081, replicas });
    const plain = service({ namespace: NS, name: "crowd-vip" }, [{ port: 8081, appProtocol: "http" }], {
      selector: { app: "crowd" },
    });
    await mesh.apply(plain);
    await mesh.eventually("served", 5000, async () =>
      assert.equal((await mesh.get(CLIENT, "http://crowd-vip.shop:8081/x")).status, 200),
    );
    await mesh.apply(...scaled(0));
    await mesh.eventually("503", 15_000, async () =>
      assert.equal((await mesh.get(CLIENT, "http://crowd-vip.shop:8081/x")).status, 503),
    );
    await mesh.apply(...scaled(1));
    await mesh.eventually("served again", 20_000, async () =>
      assert.equal((await mesh.get(CLIENT, "http://crowd-vip.shop:8081/x")).status, 200),
    );
  });
});
