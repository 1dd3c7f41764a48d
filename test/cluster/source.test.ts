/** The Kubernetes source against the cluster that KUBECONFIG names. Makes its own namespaces, and removes them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { openAccess } from "../../src/sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import { hasStatus } from "../../src/sources/kubernetes/kubernetes-error.ts";
import { runWhileLeader } from "../../src/sources/kubernetes/lease.ts";
import { ListWatch, WATCH_TIMES, type WatchTimes } from "../../src/sources/kubernetes/list-watch.ts";
import { KubernetesSource } from "../../src/sources/kubernetes/source.ts";
import { pause, ToldSink, until } from "../support/told-sink.ts";
import { ApiServerProxy } from "./api-server-proxy.ts";
import { createCrd, removeCrd } from "./crds.ts";

const RUN = randomBytes(3).toString("hex");
/** A mesh of our own: what else is in the cluster is none of its members. */
const SCOPE = { meshName: `test-${RUN}`, meshNamespace: `mesh-${RUN}` };
const MEMBER = { "openservicemesh.io/monitored-by": SCOPE.meshName };
const TIMES: WatchTimes = { ...WATCH_TIMES, absent: 500, backOff: { first: 200, cap: 1000 } };

/** Valid objects: the cluster may have OSM's own CRDs and webhooks. */
const POLICY = [
  {
    kind: "TrafficTarget",
    group: "access.smi-spec.io",
    plural: "traffictargets",
    version: "v1alpha3",
    spec: {
      destination: { kind: "ServiceAccount", name: "a", namespace: `shop-${RUN}` },
      sources: [{ kind: "ServiceAccount", name: "b", namespace: `shop-${RUN}` }],
      rules: [{ kind: "TCPRoute", name: "x" }],
    },
  },
  {
    kind: "HTTPRouteGroup",
    group: "specs.smi-spec.io",
    plural: "httproutegroups",
    version: "v1alpha4",
    spec: { matches: [{ name: "all", pathRegex: "/.*", methods: ["*"] }] },
  },
  {
    kind: "TCPRoute",
    group: "specs.smi-spec.io",
    plural: "tcproutes",
    version: "v1alpha4",
    spec: { matches: { ports: [80] } },
  },
  {
    kind: "TrafficSplit",
    group: "split.smi-spec.io",
    plural: "trafficsplits",
    version: "v1alpha2",
    spec: { service: "s0", backends: [{ service: "s1", weight: 100 }] },
  },
  { kind: "MeshConfig", group: "config.openservicemesh.io", plural: "meshconfigs", version: "v1alpha2", spec: {} },
];

describe("the Kubernetes source on a real API server", () => {
  let client: KubernetesClient;
  let proxy: ApiServerProxy;
  let proxied: KubernetesClient;
  let source: KubernetesSource;
  let sink = new ToldSink();
  const cleanUp: (() => Promise<unknown>)[] = [];

  const shop = `shop-${RUN}`;
  const plain = `plain-${RUN}`;
  const servicesOf = (namespace: string) => `/api/v1/namespaces/${namespace}/services`;
  const post = (path: string, body: unknown) => client.request({ method: "POST", path, body });
  const remove = (path: string) => client.request({ method: "DELETE", path });
  const label = (name: string, labels: unknown) =>
    client.request({ method: "PATCH", path: `/api/v1/namespaces/${name}`, body: { metadata: { labels } } });
  const service = (name: string, port = 80) => ({ metadata: { name }, spec: { ports: [{ port }] } });
  const stateOf = (kind: string) => source.status().find((one) => one.kind === kind)?.state;

  async function createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await post("/api/v1/namespaces", { metadata: { name, labels } });
    cleanUp.push(() => remove(`/api/v1/namespaces/${name}`));
  }
  async function start(): Promise<void> {
    sink = new ToldSink();
    source = new KubernetesSource({ client: proxied, scope: SCOPE, times: TIMES });
    await source.start(sink);
  }

  before(async () => {
    const path = process.env["KUBECONFIG"] ?? "";
    assert.notEqual(path, "", "KUBECONFIG must name the cluster to test on");
    const access = await openAccess({ kind: "default" });
    client = createClient(access);
    proxy = await ApiServerProxy.start(access);
    proxied = createClient(proxy.through(access));
    await createNamespace(SCOPE.meshNamespace);
    await createNamespace(shop, MEMBER);
    await createNamespace(plain);
  });
  afterEach(() => source?.stop());
  after(async () => {
    proxied.close();
    await proxy.away();
    for (const undo of cleanUp.reverse()) await undo().catch((cause) => console.error(String(cause)));
    client.close();
  });

  it("tells what is there, page by page, and every change", async () => {
    for (let i = 0; i < 300; i++) await post(servicesOf(shop), service(`s${i}`));
    await post(servicesOf(plain), service("outside"));
    await start();
    const services = () => sink.names().filter((name) => name.startsWith(`Service ${shop}/`)).length;
    assert.equal(services(), 300);
    assert.ok(sink.names().includes(`Namespace ${shop}`));
    assert.ok(sink.names().every((name) => !name.includes(plain)));
    await until("all watch", () => source.status().every(({ state }) => state === "watching" || state === "absent"));

    await post(servicesOf(shop), service("new"));
    await until("created", () => sink.objects.has(`Service ${shop}/new`));
    const body = { spec: { ports: [{ port: 81 }] } };
    await client.request({ method: "PATCH", path: `${servicesOf(shop)}/new`, body });
    await until("changed", () => sink.objects.get(`Service ${shop}/new`)?.includes("81") === true);
    await remove(`${servicesOf(shop)}/new`);
    await until("removed", () => !sink.objects.has(`Service ${shop}/new`));
  });

  it("follows pods and endpoints, and drops a pod that ended", async () => {
    await start();
    const pod = {
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "none.test/c:1" }], automountServiceAccountToken: false },
    };
    // The account is made by a controller soon after its namespace.
    await until("an account", () => sink.objects.has(`ServiceAccount ${shop}/default`), 20_000);
    await post(`/api/v1/namespaces/${shop}/pods`, pod);
    await until("the pod", () => sink.objects.has(`Pod ${shop}/p`));
    const slice = {
      metadata: { name: "e", labels: { "kubernetes.io/service-name": "s0" } },
      addressType: "IPv4",
      ports: [{ name: "", port: 80, protocol: "TCP" }],
      endpoints: [{ addresses: ["10.9.8.7"] }],
    };
    await post(`/apis/discovery.k8s.io/v1/namespaces/${shop}/endpointslices`, slice);
    await until("the slice", () => sink.objects.has(`EndpointSlice ${shop}/e`));
    const path = `/api/v1/namespaces/${shop}/pods/p/status`;
    await client.request({ method: "PATCH", path, body: { status: { phase: "Succeeded" } } });
    await until("the pod is gone", () => !sink.objects.has(`Pod ${shop}/p`));
  });

  it("tells a namespace's objects when it joins the mesh, and removes them when it leaves", async () => {
    await start();
    await post(servicesOf(plain), service("late"));
    await label(plain, MEMBER);
    await until("joined", () => sink.objects.has(`Service ${plain}/late`));
    await post(servicesOf(plain), service("later"));
    await until("followed", () => sink.objects.has(`Service ${plain}/later`));
    await label(plain, { "openservicemesh.io/monitored-by": null });
    await until("left", () => sink.names().every((name) => !name.includes(plain)));
    assert.ok(sink.objects.has(`Service ${shop}/s0`));
  });

  it("picks up all policy kinds once their CRDs are there", async () => {
    await start();
    for (const crd of POLICY) cleanUp.push(await createCrd(client, crd));
    await until("all watch", () => source.status().every(({ state }) => state === "watching"), 20_000);
    for (const { kind, group, plural, version, spec } of POLICY) {
      const namespace = kind === "MeshConfig" ? SCOPE.meshNamespace : shop;
      const body = { apiVersion: `${group}/${version}`, kind, metadata: { name: "x" }, spec };
      await post(`/apis/${group}/${version}/namespaces/${namespace}/${plural}`, body);
      await until(`${kind} is told`, () => sink.objects.has(`${kind} ${namespace}/x`));
      assert.ok(sink.apiVersions.has(`${group}/${version}`));
    }
  });

  it("picks up a CRD that appears, removes its objects with it, and picks it up again", async () => {
    const crd = { kind: "Probe", group: `t${RUN}.test.example`, plural: "probes", version: "v1" };
    const resource = { ...crd, versions: ["v1"] };
    const options = { client, resource, sink: new ToldSink(), times: TIMES, now: Date.now, random: Math.random };
    const watch = new ListWatch({ ...options, isMember: () => true, onStatus: () => undefined });
    const lifetime = new AbortController();
    const running = watch.run(lifetime.signal);
    try {
      await watch.synced;
      assert.equal(watch.status().state, "absent");
      for (const _ of [1, 2]) {
        await createCrd(client, crd);
        await until("watched", () => watch.status().state === "watching", 20_000);
        const body = { apiVersion: `${crd.group}/v1`, kind: "Probe", metadata: { name: "x" } };
        await post(`/apis/${crd.group}/v1/namespaces/${shop}/probes`, body);
        await until("told", () => options.sink.objects.size === 1);
        await removeCrd(client, crd);
        await until("removed", () => options.sink.objects.size === 0, 20_000);
        await until("absent", () => watch.status().state === "absent", 20_000);
      }
    } finally {
      lifetime.abort(new Error("test ended"));
      await running;
      await removeCrd(client, crd).catch((cause) => assert.ok(hasStatus(cause, 404)));
    }
  });

  it("removes nothing while the API server is away, and then finds what was removed and what changed", async () => {
    await start();
    const told = sink.objects.size;
    await proxy.away();
    await until("it is away", () => source.status().every(({ state }) => state === "away"), 10_000);
    await remove(`${servicesOf(shop)}/s1`);
    await post(servicesOf(shop), service("while-away"));
    await pause(2000);
    assert.equal(sink.objects.size, told);
    assert.ok(sink.log.every((line) => line.startsWith("+")));
    await proxy.resume();
    await until("the new one", () => sink.objects.has(`Service ${shop}/while-away`), 10_000);
    await until("the removed one", () => !sink.objects.has(`Service ${shop}/s1`), 10_000);
    await until("all watch", () => source.status().every(({ state }) => state === "watching"), 10_000);
  });

  it("gives up connections that went dead without a word", async () => {
    sink = new ToldSink();
    source = new KubernetesSource({ client: proxied, scope: SCOPE, times: { ...TIMES, silence: 1500 } });
    await source.start(sink);
    await until("it watches", () => stateOf("Service") === "watching");
    proxy.freeze();
    await post(servicesOf(shop), service("unheard"));
    await until("it is told", () => sink.objects.has(`Service ${shop}/unheard`), 20_000);
  });

  it("lets one of two hold a real lease, and the other after it", async () => {
    const lease = { namespace: SCOPE.meshNamespace, name: "leader" };
    const stops = [new AbortController(), new AbortController()];
    const log: string[] = [];
    const runs = stops.map((stop, i) =>
      runWhileLeader(
        { client, lease, identity: `r${i}`, onError: (cause) => log.push(String(cause)) },
        stop.signal,
        async (signal) => {
          log.push(`+r${i}`);
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          log.push(`-r${i}`);
        },
      ),
    );
    await until("one leads", () => log.length === 1, 10_000);
    await pause(6000);
    assert.equal(log.length, 1, "it renewed");
    const first = log[0] === "+r0" ? 0 : 1;
    stops[first]?.abort();
    await until("the other leads", () => log.length === 3, 10_000);
    for (const stop of stops) stop.abort();
    await Promise.all(runs);
    assert.deepEqual(log, [`+r${first}`, `-r${first}`, `+r${1 - first}`, `-r${1 - first}`]);
  });

  const apiServer = localApiServer();
  if (apiServer === undefined) {
    console.error(
      "NOT TESTED: a restarted API server. CLUSTER_DIR names no local cluster whose process could be killed.",
    );
  } else {
    it("keeps everything while the API server's process restarts, with its CRDs not yet loaded", async () => {
      await start();
      const told = sink.names();
      process.kill(apiServer, "SIGKILL");
      await until("it is away", () => source.status().some(({ state }) => state === "away"), 10_000);
      await until("all watch", () => source.status().every(({ state }) => state === "watching"), 120_000);
      assert.deepEqual(sink.names(), told);
      assert.ok(sink.log.every((line) => line.startsWith("+")));
      await remove(`${servicesOf(shop)}/s2`);
      await until("and it goes on", () => !sink.objects.has(`Service ${shop}/s2`));
    });
  }
});

/** The process id of the API server of the cluster in CLUSTER_DIR, whose supervisor starts it again. */
function localApiServer(): number | undefined {
  const dir = process.env["CLUSTER_DIR"] ?? "";
  if (dir === "") return undefined;
  const isOurs = (pid: string) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return args[1] === "kube-apiserver" && args.some((arg) => arg.includes(`=${dir}/`));
    } catch {
      return false;
    }
  };
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && isOurs(name));
  return pid === undefined ? undefined : Number(pid);
}
