/**
 * The API server is away under load: proxies keep what they have, and the control plane says what may be out of date.
 *
 * Needs power over the cluster: `CLUSTER_PAUSE_API` stops its API server or etcd, `CLUSTER_RESUME_API` starts it again.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  allConnected,
  expectNoFailure,
  metricOf,
  replicas,
  resetLoad,
  runHook,
  scaleControlPlane,
  startLoad,
  untilQuiet,
} from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { deleteNamespaces, ensureMesh, eventually, setMode } from "./mesh.ts";

const NS = "outage-test";
const PAUSE = process.env["CLUSTER_PAUSE_API"];
const RESUME = process.env["CLUSTER_RESUME_API"];
const POWERLESS = PAUSE === undefined || RESUME === undefined;
const SECONDS = process.env["OSM_TEST_LONG"] === "1" ? 120 : 45;
const WAIT = { timeout: 600_000 };

describe("the API server is away", () => {
  before(async () => {
    if (POWERLESS) return;
    await ensureMesh();
    await setMode("permissive");
    await scaleControlPlane(1);
    await startLoad(NS);
    await untilQuiet();
    await allConnected();
  }, WAIT);
  after(async () => {
    if (!POWERLESS) await deleteNamespaces(NS);
  }, WAIT);

  const reason = "CLUSTER_PAUSE_API and CLUSTER_RESUME_API name no commands";
  it(`for ${SECONDS} s, and no request fails`, POWERLESS ? { skip: reason } : WAIT, async () => {
    const [replica = ""] = await replicas();
    const restarts = () => kubectl(["-n", "osm-system", "get", "pod", replica, "-o", RESTARTS]);
    const before = await restarts();
    const proxies = await allConnected();
    await resetLoad(NS);
    await runHook(PAUSE ?? "");
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    await runHook(RESUME ?? "");
    await eventually("the API server is back", 120, () => kubectl(["get", "--raw", "/readyz"]));
    await eventually("the control plane follows it again", 120, async () => {
      const health = await kubectl([
        "get",
        "--raw",
        `/api/v1/namespaces/osm-system/pods/${replica}:9091/proxy/health/ready`,
      ]);
      assert.deepEqual(JSON.parse(health), { ready: true, reasons: [], warnings: [] });
    });
    await expectNoFailure(NS, SECONDS);
    assert.equal(await restarts(), before, "the control plane was restarted");
    // Of this very replica: for some seconds the node controller may call all pods not ready.
    assert.equal(await metricOf(replica, "osm_proxy_connect_count"), proxies);
    // It was seen: else nothing was tested. Without etcd an API server's watches go on, and only writes do not.
    assert.match(await kubectl(["-n", "osm-system", "logs", replica, "--tail=400"]), SEEN);
  });
});

const SEEN = /does not answer well|"leader election"/;
const RESTARTS = "jsonpath={.status.containerStatuses[*].restartCount}";
