/** Endpoints that come, go and fail, on real Envoys: health checks, outlier detection, draining. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { script } from "../support/script.ts";
import { statistic, statistics, whenTaken } from "../support/statistics.ts";
import { meshConfigWith } from "../support/traffic-policies.ts";
import { app, client, httpRoutes, type Manifest, namespace, service, trafficTarget } from "../support/workloads.ts";

const ALICE = { namespace: "people", name: "alice" };
const BOB = { namespace: "people", name: "bob" };
const CLIENT = "people/alice";
const API = "http://api.shop:8080";

const api = (replicas: number, round = "first"): readonly Manifest[] =>
  app({
    namespace: "shop",
    name: "api",
    run: { app: ["http-echo", "--port", "8080"] },
    port: 8080,
    replicas,
    env: { ROUND: round },
  });
const moody = (name: string, status: string): readonly Manifest[] =>
  app({
    namespace: "shop",
    name,
    account: "moody",
    run: { command: script("moody-server.ts", "14001") },
    port: 14001,
    labels: { behind: "moody" },
    env: { STATUS: status, IDENTITY: name },
  });

const target = (name: string, from: typeof ALICE, match: string) =>
  trafficTarget({
    namespace: "shop",
    name,
    to: "api",
    from: [from],
    rules: [{ kind: "HTTPRouteGroup", name: "routes", matches: [match] }],
  });

const MANIFESTS = [
  namespace("shop"),
  namespace("people"),
  meshConfigWith({ permissive: true }),
  ...api(3),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({ namespace: "shop", name: "echo", run: { app: ["tcp-echo", "--port", "9000"] }, port: 9000 }),
  service({ namespace: "shop", name: "echo" }, [{ port: 9000, appProtocol: "tcp" }]),
  ...moody("good", "200"),
  ...moody("bad", "503"),
  service({ namespace: "shop", name: "moody" }, [{ port: 14001, appProtocol: "http" }], {
    selector: { behind: "moody" },
  }),
  ...client(ALICE),
  ...client(BOB),
  httpRoutes({ namespace: "shop", name: "routes" }, [
    { name: "all", pathRegex: ".*" },
    { name: "books", pathRegex: "/books" },
  ]),
  target("alice-reads", ALICE, "books"),
  target("bob-does-all", BOB, "all"),
];

describe("endpoints", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
    await mesh.eventually("everything answers", 10_000, async () => {
      assert.equal((await mesh.get(CLIENT, `${API}/books`)).status, 200);
    });
  });
  after(() => mesh?.stop());

  describe("that go away", () => {
    const load = () => mesh.load(CLIENT, { url: `${API}/books`, perSecond: 40, seconds: 12 });

    it("cost no request when pods go and come", async () => {
      const pending = load();
      await mesh.apply(...api(1));
      await mesh.eventually("one is left", 20_000, () => settled(1));
      await mesh.apply(...api(3));
      await mesh.eventually("all are back", 30_000, () => settled(3));
      const { requests, outcomes, failures } = await pending;
      assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    });

    it("cost no request when all are replaced", async () => {
      const before = await podNames();
      const pending = load();
      await mesh.apply(...api(3, "second"));
      await mesh.eventually("all are new", 60_000, async () => {
        await settled(3);
        const now = await podNames();
        assert.ok(now.every((name) => !before.includes(name)));
      });
      const { requests, outcomes, failures } = await pending;
      assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    });

    async function podNames(): Promise<readonly string[]> {
      const { pods } = await mesh.status();
      return pods.filter(({ namespace: ns, name }) => ns === "shop" && name.startsWith("api-")).map(({ name }) => name);
    }

    async function settled(count: number): Promise<void> {
      const { pods } = await mesh.status();
      const mine = pods.filter(({ namespace: ns, name }) => ns === "shop" && name.startsWith("api-"));
      assert.equal(mine.length, count);
      assert.ok(mine.every(({ ready }) => ready));
    }
  });

  describe("that answer badly", () => {
    const URL = "http://moody.shop:14001";
    const EJECTED = "cluster.shop/moody|14001.outlier_detection.ejections_active";

    async function bad(count: number): Promise<number> {
      const results = await mesh.http(CLIENT, URL, { count });
      return results.filter(({ status }) => status === 503).length;
    }

    it("are used as all others unless the MeshConfig asks for outlier detection", async () => {
      assert.equal(await bad(20), 10);
    });

    it("are left alone after as many errors as it says", async () => {
      const outlierDetection = {
        consecutiveErrors: 3,
        interval: "500ms",
        baseEjectionTime: "60s",
        maxEjectionPercent: 50,
      };
      await whenTaken(mesh, CLIENT, ["clusters"], () =>
        mesh.apply(meshConfigWith({ permissive: true, traffic: { outlierDetection } })),
      );
      assert.equal(await bad(20), 3);
      assert.equal(await statistic(mesh, CLIENT, EJECTED), 1);
      assert.equal(await bad(20), 0);
      await whenTaken(mesh, CLIENT, ["clusters"], () => mesh.apply(meshConfigWith({ permissive: true })));
      assert.equal(await bad(20), 10);
    });
  });

  describe("that are asked for their health", () => {
    const CLUSTER = "cluster.shop/api|8080";
    const HEALTH = { "x-osm-envoy-healthcheck": "1" };

    it("are not asked unless the feature flag is on", async () => {
      assert.equal(await statistic(mesh, CLIENT, `${CLUSTER}.health_check.attempt`), 0);
    });

    it("answer by their proxies, whatever the asking account may call", async () => {
      const featureFlags = { enableEnvoyActiveHealthChecks: true };
      await whenTaken(mesh, CLIENT, ["clusters"], () =>
        mesh.apply(meshConfigWith({ permissive: false, featureFlags })),
      );
      const counts = async () => {
        const found = await statistics(mesh, CLIENT, "^cluster.shop/api.8080.(health_check|membership)");
        return (name: string) => found.get(`${CLUSTER}.${name}`) ?? 0;
      };
      await mesh.eventually("all were asked and are well", 25_000, async () => {
        const of = await counts();
        assert.ok(of("health_check.success") >= 3, `${of("health_check.success")} good answers`);
        assert.deepEqual([of("membership_total"), of("membership_healthy")], [3, 3]);
      });
      // A server's proxy may hear of it after the caller's: a check that comes before, or on a connection from before,
      // is for the application, which this account may not call. None fails once all have heard: two rounds show it.
      let last = await counts();
      await mesh.eventually("two rounds of checks without a failure", 60_000, async () => {
        const of = await counts();
        if (of("health_check.failure") > last("health_check.failure")) last = of;
        const good = of("health_check.success") - last("health_check.success");
        assert.ok(good >= 6, `${good} good answers since the last bad one`);
      });
      assert.equal((await mesh.get(CLIENT, `${API}/books`)).status, 200);
    });

    it("do not let the application see it, nor anything else pass by it", async () => {
      const healthy = await mesh.get(CLIENT, `${API}/healthz/osm`, { headers: HEALTH });
      assert.deepEqual([healthy.status, healthy.body, healthy.headers["identity"]], [200, "", undefined]);
      assert.equal((await mesh.get(CLIENT, `${API}/healthz/osm`)).status, 403);
      assert.equal((await mesh.get(CLIENT, `${API}/other`, { headers: HEALTH })).status, 403);
    });

    it("cost no request when a pod goes, though its last check was well", async () => {
      const pending = mesh.load(CLIENT, { url: `${API}/books`, perSecond: 40, seconds: 6 });
      await mesh.apply(...api(1, "second"));
      const { requests, outcomes, failures } = await pending;
      assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    });

    it("are left alone where they carry bytes, which no such question can be asked of", async () => {
      await mesh.apply(meshConfigWith({ permissive: true, featureFlags: { enableEnvoyActiveHealthChecks: true } }));
      await mesh.eventually("echo answers", 10_000, async () => {
        const { data } = await mesh.tcp(CLIENT, { host: "echo.shop", port: 9000, send: "hi\n", waitMs: 500 });
        assert.equal(data, "echo response: hi\n");
      });
    });
  });
});
