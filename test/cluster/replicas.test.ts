/**
 * Replicas of the control plane come, go, and are killed: it costs no request and no pod.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  CONTROLLER,
  MESH_NAMESPACE,
  MUTATING_CONFIGURATION,
  VALIDATING_CONFIGURATION,
} from "../../deploy/build/names.ts";
import { runCommand } from "../../src/local/tools/command.ts";
import { DEPLOY } from "../deploy/documents.ts";
import {
  allConnected,
  apiReader,
  askApi,
  endpointVersions,
  expectNoFailure,
  leader,
  metricOf,
  metricsOfAll,
  replicas,
  resetLoad,
  runHook,
  scaleControlPlane,
  sentBy,
  settledReplicas,
  startLoad,
  untilQuiet,
} from "./control-plane.ts";
import { killContainer } from "./kill-container.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, podsOf, remove, setMode, untilReady, WAIT } from "./mesh.ts";
import { createPods, whilePodsAreCreated } from "./pod-creation.ts";
import { credentialsOf, servedBy } from "./served.ts";

const NS = "replicas-test";
const STOP_NODE = process.env["CLUSTER_STOP_NODE"];
const START_NODE = process.env["CLUSTER_START_NODE"];
const NODES = (await kubectl(["get", "nodes", "-o", "name"]).catch(() => "")).split("\n").filter(Boolean).length;

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  await apply(...apiReader());
  await startLoad(NS);
  await untilQuiet();
}, WAIT);
after(async () => {
  await deleteNamespaces(NS);
  await remove(...apiReader());
  await scaleControlPlane(1);
}, WAIT);

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const rolledOut = () =>
  kubectl(["-n", MESH_NAMESPACE, "rollout", "status", `deployment/${CONTROLLER}`, "--timeout=50s"]);

describe("one replica", () => {
  it(
    "is restarted under load: no request fails, and no proxy is sent anything again [e2e_controller_restart]",
    WAIT,
    async () => {
      await scaleControlPlane(1);
      await allConnected();
      await resetLoad(NS);
      const endpoints = await endpointVersions();
      const [old = ""] = await replicas();
      await kubectl(["-n", MESH_NAMESPACE, "delete", "pod", old, "--wait=false"]);
      const [next = ""] = await eventually("another replica", 120, async () => {
        const ready = await settledReplicas(1);
        assert.notEqual(ready[0], old);
        return ready;
      });
      const proxies = await allConnected();
      assert.ok(proxies >= 4, `only ${proxies} proxies`);
      const { endpoints: sentEndpoints = 0, ...others } = await sentBy(next);
      assert.deepEqual(others, {}, "it sent what its proxies had already");
      // Endpoints that came or went meanwhile are rightly sent.
      if ((await endpointVersions()) === endpoints) assert.equal(sentEndpoints, 0);
      assert.equal(await metricOf(next, "osm_proxy_in_sync_count"), proxies);
      await expectNoFailure(NS, 10);
    },
  );
});

describe("several replicas", () => {
  before(async () => {
    await scaleControlPlane(3);
    // Those that are connected stay where they are: a restart spreads them.
    await restartAll(NS);
    await allConnected();
  }, WAIT);

  it("know each other, and who leads", WAIT, async () => {
    const names = await replicas();
    for (const self of names) {
      await eventually(`${self} knows all`, 60, async () => {
        const status = await askApi<{ readonly replicas: unknown }>(self, "/api/v1/status");
        const leads = await leader();
        const expected = names.map((name) => ({ name, leader: name === leads, self: name === self }));
        assert.deepEqual(status.replicas, expected);
      });
    }
  });

  it("serve the same bytes to the same proxy", WAIT, async () => {
    for (const name of ["web", "load-kept"]) {
      const [pod = ""] = await podsOf({ namespace: NS, name });
      const files = await credentialsOf({ namespace: NS, name: pod });
      await eventually(`all replicas serve ${pod} alike`, 60, async () => {
        const [first, ...others] = await Promise.all((await replicas()).map((one) => servedBy(one, files)));
        assert.ok(first !== undefined && others.length === 2);
        const kinds = new Set([...first.keys()].map((key) => key.split(" ")[0]));
        assert.deepEqual([...kinds].sort(), ["cluster", "endpoints", "listener", "route", "secret"]);
        for (const other of others) assert.deepEqual(other, first);
      });
    }
  });

  it("send nothing to a proxy that changes over", WAIT, async () => {
    const counts = await Promise.all(
      (await replicas()).map(async (name) => ({ name, proxies: await metricOf(name, "osm_proxy_connect_count") })),
    );
    const [busiest, ...rest] = counts.sort((a, b) => b.proxies - a.proxies);
    assert.ok(busiest !== undefined && busiest.proxies > 0);
    const others = rest.map(({ name }) => name);
    const sent = async () => {
      const each = await Promise.all(others.map(sentBy));
      return each.map(({ endpoints: _, ...types }) => types);
    };
    const proxies = await allConnected();
    const sentBefore = await sent();
    await resetLoad(NS);
    await kubectl(["-n", MESH_NAMESPACE, "delete", "pod", busiest.name, "--wait=true"]);
    await settledReplicas(3);
    await allConnected();
    assert.deepEqual(await sent(), sentBefore);
    await expectNoFailure(NS, 5);
    console.log(`moved ${busiest.proxies} of ${proxies} proxies`);
  });

  it("lose their leader: another takes its chores over", WAIT, async () => {
    const old = await eventually("somebody leads", 60, async () => {
      const name = await leader();
      assert.notEqual(name, "");
      return name;
    });
    const lease = () =>
      kubectl(["-n", MESH_NAMESPACE, "get", "lease", CONTROLLER, "-o", "jsonpath={.spec.holderIdentity}"]);
    const before = await lease();
    await resetLoad(NS);
    await killContainer(MESH_NAMESPACE, old);
    const killedAt = Date.now();
    await eventually("another leads", 60, async () => {
      const now = await lease();
      assert.ok(now !== before && now !== "", now);
    });
    console.log(`another leads ${(Date.now() - killedAt) / 1000} s after the leader was killed`);
    await kubectl(removeBundle(MUTATING_CONFIGURATION));
    await untilBundled();
    await settledReplicas(3);
    await allConnected();
    await expectNoFailure(NS, 10);
  });

  it("are rolled over: no request and no pod's creation fails", WAIT, async () => {
    await resetLoad(NS);
    await whilePodsAreCreated(NS, async () => {
      await kubectl(["-n", MESH_NAMESPACE, "rollout", "restart", `deployment/${CONTROLLER}`]);
      await eventually("rolled out", 200, rolledOut);
      await settledReplicas(3);
    });
    await allConnected();
    await expectNoFailure(NS, 15);
  });

  const alone = "the cluster has one node";
  it(
    "lose a node that is drained: no request and no pod's creation fails",
    NODES < 2 ? { skip: alone } : WAIT,
    async () => {
      const path = "jsonpath={.items[*].spec.nodeName}";
      const nodes = await kubectl(["-n", MESH_NAMESPACE, "get", "pods", "-l", `app=${CONTROLLER}`, "-o", path]);
      // The first node may hold the cluster's own control plane.
      const [node = ""] = [...new Set(nodes.split(" "))].sort().reverse();
      await kubectl(["cordon", node]);
      try {
        await restartAll("kube-system", NS);
        await allConnected();
        await resetLoad(NS);
        await whilePodsAreCreated(NS, async () => {
          await drain(node);
          await settledReplicas(3);
        });
        await allConnected();
        await expectNoFailure(NS, 5);
        if (STOP_NODE === undefined || START_NODE === undefined) return;
        await resetLoad(NS);
        await runHook(STOP_NODE, node);
        await whilePodsAreCreated(NS, () => pause(10));
        await runHook(START_NODE, node);
        await expectNoFailure(NS, 10);
      } finally {
        await kubectl(["uncordon", node]);
      }
    },
  );
});

/** Has all Deployments of the namespaces start new pods, and resolves once they run and the old ones are gone. */
async function restartAll(...namespaces: readonly string[]): Promise<void> {
  for (const name of namespaces) await kubectl(["-n", name, "rollout", "restart", "deployment"]);
  await untilReady(...namespaces);
  for (const name of namespaces) {
    // A server that ends breaks what it is asked then: that is its own affair, and not to be counted here.
    await eventually(`no pod of ${name} is ending`, 120, async () => {
      const path = "jsonpath={.items[*].metadata.deletionTimestamp}";
      assert.equal(await kubectl(["-n", name, "get", "pods", "-o", path]), "");
    });
  }
}

async function drain(node: string): Promise<void> {
  const force = ["--ignore-daemonsets", "--delete-emptydir-data", "--force"];
  await runCommand(["kubectl", "drain", node, ...force, "--timeout=150s"], { timeout: 160_000 });
}

function once(times: number): () => boolean {
  let left = times;
  return () => left-- <= 0;
}

describe("webhook configurations", () => {
  it("get their bundle back, whether it was deleted or altered", WAIT, async () => {
    await kubectl(removeBundle(MUTATING_CONFIGURATION));
    await untilBundled();
    const another = btoa("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    const patch = [{ op: "replace", path: "/webhooks/0/clientConfig/caBundle", value: another }];
    await kubectl(patchOf("validatingwebhookconfiguration", VALIDATING_CONFIGURATION, patch)).catch(() => undefined);
    await untilBundled();
    const { complaints } = await createPods(NS, once(1));
    assert.deepEqual(complaints, []);
  });
});

describe("installed anew", () => {
  it("takes over what there was: proxies keep on, and pods are injected [e2e_osm_reinstall]", WAIT, async () => {
    const root = () =>
      kubectl(["-n", MESH_NAMESPACE, "get", "secret", "osm-ca-bundle", "-o", "jsonpath={.data.ca\\.crt}"]);
    const before = await root();
    await resetLoad(NS);
    const parts = ["deployment", "service", "serviceaccount", "role", "rolebinding"];
    await kubectl(["-n", MESH_NAMESPACE, "delete", parts.join(","), "-l", "app.kubernetes.io/instance=osm"]);
    const webhooks = "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings";
    await kubectl(["delete", webhooks, "-l", "app.kubernetes.io/instance=osm"]);
    await pause(5);
    await kubectl(["apply", "-f", join(DEPLOY, "osm.yaml")]);
    await ensureMesh();
    await allConnected();
    assert.equal(await root(), before);
    const { complaints } = await createPods(NS, once(1));
    assert.deepEqual(complaints, []);
    assert.equal(await metricsOfAll("osm_proxy_rejections_total"), 0);
    await expectNoFailure(NS, 10);
  });
});

function removeBundle(name: string): readonly string[] {
  return patchOf("mutatingwebhookconfiguration", name, [{ op: "remove", path: "/webhooks/0/clientConfig/caBundle" }]);
}

function patchOf(kind: string, name: string, patch: unknown): readonly string[] {
  return ["patch", kind, name, "--type=json", "-p", JSON.stringify(patch)];
}

/** All webhooks of both configurations have the root's certificate. */
async function untilBundled(): Promise<void> {
  const root = await kubectl([
    "-n",
    MESH_NAMESPACE,
    "get",
    "secret",
    "osm-ca-bundle",
    "-o",
    "jsonpath={.data.ca\\.crt}",
  ]);
  const names = [
    `mutatingwebhookconfiguration/${MUTATING_CONFIGURATION}`,
    `validatingwebhookconfiguration/${VALIDATING_CONFIGURATION}`,
  ];
  await eventually("the bundles are right", 40, async () => {
    for (const name of names) {
      const path = "jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{'\\n'}{end}";
      const bundles = (await kubectl(["get", name, "-o", path])).trim().split("\n");
      assert.deepEqual(new Set(bundles), new Set([root]), name);
    }
  });
}
