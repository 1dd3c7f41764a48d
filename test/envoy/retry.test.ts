/** Retry and time limits on real Envoys: what is repeated, also unasked, and what is cut. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { script } from "../support/script.ts";
import { statistic, statistics, whenTaken } from "../support/statistics.ts";
import { meshConfigWith, retry } from "../support/traffic-policies.ts";
import { app, client, type Manifest, namespace, service } from "../support/workloads.ts";

const CLIENT = "curl/curl";
const URL = "http://httpbin.httpbin.svc.cluster.local:14001";
const CLUSTER = "cluster.httpbin/httpbin|14001";

const MOODY = { namespace: "httpbin", run: { command: script("moody-server.ts", "14001") }, port: 14001 };
const HTTPBIN: readonly Manifest[] = app({ ...MOODY, name: "httpbin" });
const httpbinService = (annotations: Readonly<Record<string, string>> = {}): Manifest => {
  const made = service({ namespace: "httpbin", name: "httpbin" }, [{ port: 14001, appProtocol: "http" }]);
  return { ...made, metadata: { namespace: "httpbin", name: "httpbin", annotations } };
};

const settings = (enableRetryPolicy: boolean, traffic: object = {}) =>
  meshConfigWith({ permissive: true, featureFlags: { enableRetryPolicy }, traffic: { ...traffic } });

const RETRY = retry(
  { namespace: "curl", name: "retry" },
  {
    from: { namespace: "curl", name: "curl" },
    to: { namespace: "httpbin", name: "httpbin" },
    policy: { retryOn: "5xx", perTryTimeout: "1s", numRetries: 5, retryBackoffBaseInterval: "20ms" },
  },
);

const MANIFESTS = [
  namespace("curl"),
  namespace("httpbin"),
  settings(true),
  ...HTTPBIN,
  httpbinService(),
  ...app({ ...MOODY, name: "pair", replicas: 2 }),
  service({ namespace: "httpbin", name: "pair" }, [{ port: 14001, appProtocol: "http" }]),
  ...client({ namespace: "curl", name: "curl" }),
  ...client({ namespace: "curl", name: "other" }),
  RETRY,
];

describe("Retry and times", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
    await mesh.eventually("everything answers", 10_000, async () => {
      for (const pod of [CLIENT, "curl/other"]) assert.equal((await mesh.get(pod, URL)).status, 200);
    });
  });
  after(() => mesh?.stop());

  const RETRIES = ["", "_backoff_exponential", "_backoff_ratelimited", "_limit_exceeded", "_overflow", "_success"];

  /** The counters of the row, in its order. */
  async function retries(pod = CLIENT): Promise<readonly number[]> {
    const found = await statistics(mesh, pod, "^cluster.httpbin/httpbin.14001.upstream_rq_retry");
    return RETRIES.map((name) => found.get(`${CLUSTER}.upstream_rq_retry${name}`) ?? 0);
  }

  /** What a request adds to them. */
  async function added(pod: string, path: string) {
    const before = await retries(pod);
    const { status } = await mesh.get(pod, URL + path);
    const after = await retries(pod);
    return { status, counts: after.map((count, i) => count - (before[i] ?? 0)) };
  }

  describe("Retry", () => {
    it("R1: repeats as often as it says, and gives the last answer [e2e_retry_policy]", async () => {
      assert.deepEqual(await added(CLIENT, "/?status=503"), { status: 503, counts: [5, 5, 0, 1, 0, 0] });
    });

    it("R2: repeats nothing that it does not name", async () => {
      assert.deepEqual(await added(CLIENT, "/?status=404"), { status: 404, counts: [0, 0, 0, 0, 0, 0] });
    });

    it("bounds each try", async () => {
      const { status, ms } = await mesh.get(CLIENT, `${URL}/?ms=60000`);
      assert.equal(status, 504);
      assert.ok(ms > 5_900 && ms < 20_000, `six tries of a second took ${ms} ms`);
    });

    it("is for the account that it names", async () => {
      assert.deepEqual(await added("curl/other", "/?status=503"), { status: 503, counts: [0, 0, 0, 0, 0, 0] });
    });

    it("R3: does nothing while its feature flag is off, and something again when it is on", async () => {
      await whenTaken(mesh, CLIENT, ["routes"], () => mesh.apply(settings(false)));
      assert.deepEqual(await added(CLIENT, "/?status=503"), { status: 503, counts: [0, 0, 0, 0, 0, 0] });
      await whenTaken(mesh, CLIENT, ["routes"], () => mesh.apply(settings(true)));
      assert.deepEqual((await added(CLIENT, "/?status=503")).counts[0], 5);
    });

    it("ends with its object", async () => {
      await whenTaken(mesh, CLIENT, ["routes"], () => mesh.delete(RETRY));
      assert.deepEqual((await added(CLIENT, "/?status=503")).counts, [0, 0, 0, 0, 0, 0]);
    });
  });

  describe("calls that no Retry names", () => {
    const PAIR = "http://pair.httpbin:14001";

    it("are tried again elsewhere when they could not be sent", async () => {
      const { pods } = await mesh.status();
      const [deaf] = pods.filter(({ name }) => name.startsWith("pair-"));
      const stop = "http://127.0.0.1:15000/drain_listeners?inboundonly";
      assert.equal((await mesh.get(`httpbin/${deaf?.name}`, stop, { method: "POST" })).status, 200);
      const before = await retriesOf("pair");
      const answers = await mesh.http("curl/other", PAIR, { count: 40 });
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.ok((await retriesOf("pair")) > before, "no request met the endpoint that refuses: nothing was shown");
    });

    it("are never sent twice", async () => {
      assert.deepEqual(await added("curl/other", "/?drop=1"), { status: 503, counts: [0, 0, 0, 0, 0, 0] });
    });

    const retriesOf = (name: string) =>
      statistic(mesh, "curl/other", `cluster.httpbin/${name}|14001.upstream_rq_retry`);
  });

  describe("times", () => {
    const inForce = (...change: readonly Manifest[]) =>
      whenTaken(mesh, CLIENT, ["routes"], () => mesh.apply(...change));
    const ask = async (ms: number) => (await mesh.get(CLIENT, `${URL}/?ms=${ms}`)).status;

    it("are not limited unless somebody says so", async () => {
      assert.equal(await ask(3000), 200);
    });

    it("of requests are the MeshConfig's, unless the Service has its own; 0s is any time", async () => {
      await inForce(settings(true, { requestTimeout: "1s" }));
      assert.deepEqual([await ask(3000), await ask(1)], [504, 200]);
      await inForce(httpbinService({ "openservicemesh.io/request-timeout": "5s" }));
      assert.equal(await ask(3000), 200);
      await inForce(httpbinService({ "openservicemesh.io/request-timeout": "500ms" }));
      assert.equal(await ask(800), 504);
      await inForce(httpbinService({ "openservicemesh.io/request-timeout": "0s" }));
      assert.equal(await ask(3000), 200);
    });

    it("of silence are the MeshConfig's, unless the Service has its own; 0s is any time", async () => {
      await inForce(settings(true, { idleTimeout: "1s" }));
      assert.deepEqual([await ask(3000), await ask(1)], [504, 200]);
      await inForce(httpbinService({ "openservicemesh.io/idle-timeout": "5s" }));
      assert.equal(await ask(3000), 200);
      await inForce(httpbinService({ "openservicemesh.io/idle-timeout": "0s" }));
      assert.equal(await ask(3000), 200);
      await inForce(settings(true), httpbinService());
    });
  });
});
