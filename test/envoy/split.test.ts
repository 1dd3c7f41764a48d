/** TrafficSplit on real Envoys: shares, every spelling of the root, same-account backends, splits in splits, TCP. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { app, client, meshConfig, namespace, service, trafficSplit } from "../support/workloads.ts";

const NS = "store";
const CLIENT = "people/alice";
const SPLIT = { namespace: NS, name: "books" };

/** A version: its pods carry the root's label too, as OSM asks of a root Service's selector. */
const version = (name: string, account: string, root: string, run: readonly string[], port: number) =>
  app({
    namespace: NS,
    name,
    account,
    run: { app: run },
    port,
    labels: { root },
    env: { IDENTITY: name },
  });

const http = (name: string, account = name, root = "books") =>
  version(name, account, root, ["http-echo", "--port", "8080"], 8080);
const HTTP_PORT = [{ port: 80, targetPort: 8080, appProtocol: "http" }];
const TCP_PORT = [{ port: 9000, appProtocol: "tcp-server-first" }];
const banner = (name: string) => version(name, name, "line", ["banner", "--port", "9000"], 9000);

const MANIFESTS = [
  namespace(NS),
  namespace("people"),
  meshConfig({ permissive: true }),
  ...client({ namespace: "people", name: "alice" }),
  ...client({ namespace: NS, name: "clerk" }),
  ...http("books-v1"),
  ...http("books-v2"),
  service({ namespace: NS, name: "books" }, HTTP_PORT, { selector: { root: "books" } }),
  service({ namespace: NS, name: "books-v1" }, HTTP_PORT),
  service({ namespace: NS, name: "books-v2" }, HTTP_PORT),
  ...http("maps-v1", "maps", "maps"),
  ...http("maps-v2", "maps", "maps"),
  service({ namespace: NS, name: "maps" }, HTTP_PORT, { selector: { root: "maps" } }),
  service({ namespace: NS, name: "maps-v1" }, HTTP_PORT),
  service({ namespace: NS, name: "maps-v2" }, HTTP_PORT),
  ...banner("line-v1"),
  ...banner("line-v2"),
  service({ namespace: NS, name: "line" }, TCP_PORT, { selector: { root: "line" } }),
  service({ namespace: NS, name: "line-v1" }, TCP_PORT),
  service({ namespace: NS, name: "line-v2" }, TCP_PORT),
];

/** With 400 requests the share of a 50 % backend strays by 2.5 points (one sigma): 6 is beyond two. */
const REQUESTS = 400;
const TOLERANCE = 6;

describe("TrafficSplit", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  /** Percent of the requests that `backend` answered; all must be answered. */
  async function share(url: string, backend: string, requests = REQUESTS, from = CLIENT): Promise<number> {
    const results = await mesh.http(from, url, { count: requests });
    assert.deepEqual([...new Set(results.map(({ status }) => status))], [200]);
    return (100 * results.filter(({ headers }) => headers["identity"] === backend).length) / requests;
  }

  async function splitInForce(root: string, weights: Record<string, number>, url: string, only: string): Promise<void> {
    await mesh.apply(trafficSplit(SPLIT, root, weights));
    await mesh.eventually(`only ${only} answers`, 2000, async () => assert.equal(await share(url, only, 10), 100));
  }

  for (const [v1, v2] of [
    [90, 10],
    [50, 50],
    [0, 100],
  ] as const) {
    it(`C1, C2: gives ${v1} and ${v2} percent of ${REQUESTS} requests within ${TOLERANCE} points`, async () => {
      await splitInForce("books.store", { "books-v1": 100, "books-v2": 0 }, "http://books.store", "books-v1");
      await mesh.apply(trafficSplit(SPLIT, "books.store", { "books-v1": v1, "books-v2": v2 }));
      await mesh.eventually("v2 answers", 2000, async () =>
        assert.ok((await share("http://books.store", "books-v2", 50)) > 0),
      );
      const got = await share("http://books.store", "books-v2");
      assert.ok(Math.abs(got - v2) <= TOLERANCE, `v2 got ${got} %, not ${v2}`);
    });
  }

  for (const root of [
    "books",
    "books.store",
    "books.store.svc",
    "books.store.svc.cluster",
    "books.store.svc.cluster.local",
    "books.store:80",
    "books.store.svc.cluster.local:80",
  ]) {
    it(`C3: understands ${root} as the root`, async () => {
      await splitInForce("books", { "books-v1": 100, "books-v2": 0 }, "http://books.store", "books-v1");
      await splitInForce(root, { "books-v1": 0, "books-v2": 100 }, "http://books.store", "books-v2");
    });
  }

  it("splits whatever name the client uses for the root, and leaves direct calls alone", async () => {
    await splitInForce("books", { "books-v1": 0, "books-v2": 100 }, "http://books.store", "books-v2");
    for (const host of ["books.store.svc", "books.store.svc.cluster.local"]) {
      assert.equal(await share(`http://${host}`, "books-v2", 10), 100);
    }
    assert.equal(await share("http://books", "books-v2", 10, `${NS}/clerk`), 100);
    assert.equal(await share("http://books-v1.store", "books-v1", 10), 100);
  });

  it("tells backends of one account apart", async () => {
    await mesh.apply(trafficSplit({ namespace: NS, name: "maps" }, "maps", { "maps-v1": 0, "maps-v2": 100 }));
    await mesh.eventually("only v2 answers", 2000, async () => {
      assert.equal(await share("http://maps.store", "maps-v2", 20), 100);
    });
    await mesh.apply(trafficSplit({ namespace: NS, name: "maps" }, "maps", { "maps-v1": 50, "maps-v2": 50 }));
    await mesh.eventually("both answer", 2000, async () => {
      const got = await share("http://maps.store", "maps-v1", 40);
      assert.ok(got > 0 && got < 100);
    });
    const got = await share("http://maps.store", "maps-v1");
    assert.ok(Math.abs(got - 50) <= TOLERANCE, `v1 got ${got} %`);
  });

  it("does not follow a backend that is itself a root, and says so", async () => {
    await splitInForce("books", { "books-v1": 100, "books-v2": 0 }, "http://books.store", "books-v1");
    await mesh.apply(trafficSplit({ namespace: NS, name: "inner" }, "books-v1", { "books-v2": 100 }));
    await mesh.eventually("the inner split is in force for direct calls", 2000, async () => {
      assert.equal(await share("http://books-v1.store", "books-v2", 10), 100);
    });
    assert.equal(await share("http://books.store", "books-v1", 20), 100);
    const { stdout } = await mesh.osm("status", "--json");
    assert.match(stdout, /split-recursive/);
    await mesh.delete(trafficSplit({ namespace: NS, name: "inner" }, "books-v1", { "books-v2": 100 }));
  });

  it("answers 503 where no backend has a weight", async () => {
    await mesh.apply(trafficSplit(SPLIT, "books", { "books-v1": 0, "books-v2": 0 }));
    await mesh.eventually("503", 2000, async () =>
      assert.equal((await mesh.get(CLIENT, "http://books.store")).status, 503),
    );
    await mesh.delete(trafficSplit(SPLIT, "books", {}));
  });

  it("splits TCP connections", async () => {
    await mesh.apply(trafficSplit({ namespace: NS, name: "line" }, "line", { "line-v1": 0, "line-v2": 100 }));
    await mesh.eventually("only v2 greets", 2000, async () => {
      for (let i = 0; i < 5; i++) {
        const { data } = await mesh.tcp(CLIENT, { host: "line.store", port: 9000, waitMs: 200 });
        assert.match(data, /line-v2/);
      }
    });
  });
});
