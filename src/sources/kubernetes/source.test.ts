import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import { FakeApiServer } from "../../../test/support/fake-api-server.ts";
import { pause, ToldSink, until } from "../../../test/support/told-sink.ts";
import { openAccess } from "./access.ts";
import { createClient, type KubernetesClient } from "./client.ts";
import type { WatchTimes } from "./list-watch.ts";
import { KubernetesSource } from "./source.ts";

const PATHS = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/serviceaccounts",
  Service: "/api/v1/services",
  Pod: "/api/v1/pods",
  EndpointSlice: "/apis/discovery.k8s.io/v1/endpointslices",
} as const;
const CONFIGS = "/apis/config.openservicemesh.io/v1alpha2/meshconfigs";
const SPLITS = "/apis/split.smi-spec.io/v1alpha2/trafficsplits";
const TIMES: WatchTimes = {
  watch: 60_000,
  silence: 60_000,
  absent: 40,
  shortWatch: 20,
  backOff: { first: 10, cap: 40 },
};

const named = (name: string, namespace: string) => ({ metadata: { name, namespace } });

const INGRESS = "/apis/policy.openservicemesh.io/v1alpha1/ingressbackends";

describe("KubernetesSource", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let source: KubernetesSource;
  let sink = new ToldSink();

  const member = (name: string, mesh = "osm") =>
    server.put(PATHS.Namespace, { metadata: { name, labels: { "openservicemesh.io/monitored-by": mesh } } });
  const allWatch = () => until("all watch", () => server.watchers() === source.status().filter(isWatching).length);
  const isWatching = ({ state }: { state: string }) => state === "watching";

  beforeEach(async () => {
    server = await FakeApiServer.start();
    for (const [kind, path] of Object.entries(PATHS)) server.serveKind(path, kind);
    sink = new ToldSink();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
    source = new KubernetesSource({ client, scope: { meshName: "osm", meshNamespace: "osm-system" }, times: TIMES });
  });
  afterEach(async () => {
    await source.stop();
    client.close();
    await server.stop();
  });

  it("tells the namespaces of its mesh first, and of other kinds what is in them; then it is synced", async () => {
    server.serveKind(CONFIGS, "MeshConfig");
    server.serveKind(SPLITS, "TrafficSplit");
    member("shop");
    member("foreign", "another-mesh");
    server.put(PATHS.Namespace, { metadata: { name: "plain" } });
    for (const namespace of ["shop", "foreign", "plain"]) {
      server.put(PATHS.Service, named("s", namespace));
      server.put(PATHS.Pod, named("p", namespace));
      server.put(SPLITS, named("t", namespace));
    }
    server.put(CONFIGS, named("osm-mesh-config", "osm-system"));
    server.put(CONFIGS, named("osm-mesh-config", "plain"));
    await source.start(sink);
    assert.equal(sink.isSynced, true);
    assert.equal(sink.log[0], "+Namespace shop");
    // Policy of other namespaces has no effect, and is told: findings may name it.
    assert.deepEqual(sink.names(), [
      "MeshConfig osm-system/osm-mesh-config",
      "Namespace shop",
      "Pod shop/p",
      "Service shop/s",
      "TrafficSplit foreign/t",
      "TrafficSplit plain/t",
      "TrafficSplit shop/t",
    ]);
  });

  it("asks the server to leave out pods that ended, and configurations of other namespaces", async () => {
    server.serveKind(CONFIGS, "MeshConfig");
    await source.start(sink);
    await allWatch();
    const asked = (part: string) => server.requests.map(decodeURIComponent).filter((line) => line.includes(part));
    assert.ok(
      asked("pods?").every((line) => line.includes("fieldSelector=status.phase!=Succeeded,status.phase!=Failed")),
    );
    assert.equal(asked("pods?").length, 2);
    assert.ok(asked("meshconfigs").every((line) => line.includes("/namespaces/osm-system/")));
  });

  it("counts absent kinds as synced and picks them up later", async () => {
    await source.start(sink);
    const states = Object.fromEntries(source.status().map(({ kind, state }) => [kind, state]));
    assert.deepEqual(states, {
      Namespace: "watching",
      MeshConfig: "absent",
      MeshRootCertificate: "absent",
      ServiceAccount: "watching",
      Service: "watching",
      Pod: "watching",
      EndpointSlice: "watching",
      TrafficTarget: "absent",
      HTTPRouteGroup: "absent",
      TCPRoute: "absent",
      TrafficSplit: "absent",
      Egress: "absent",
      IngressBackend: "absent",
      Retry: "absent",
      UpstreamTrafficSetting: "absent",
      Telemetry: "absent",
      ExtensionService: "absent",
    });
    let calls = 0;
    const end = source.onStatus(() => calls++);
    server.serveKind(SPLITS, "TrafficSplit");
    server.put(SPLITS, named("t", "shop"));
    await until("told", () => sink.objects.has("TrafficSplit shop/t"));
    assert.equal(calls, 1);
    end();
  });

  it("tells the addresses of namespaces that IngressBackends name, and of no others", async () => {
    const backend = (name: string, ...gateways: readonly string[]) =>
      server.put(INGRESS, {
        ...named(name, "shop"),
        spec: { sources: gateways.map((namespace) => ({ kind: "Service", namespace, name: "gateway" })) },
      });
    server.serveKind(INGRESS, "IngressBackend");
    member("shop");
    for (const namespace of ["shop", "edge", "gate", "plain"]) {
      server.put(PATHS.EndpointSlice, named("e", namespace));
      server.put(PATHS.Service, named("s", namespace));
    }
    backend("in", "edge");
    await source.start(sink);
    const slices = () => sink.names().filter((name) => !name.startsWith("IngressBackend"));
    // From the first: without them proxies would be closed to the gateway until they come.
    assert.deepEqual(slices(), ["EndpointSlice edge/e", "EndpointSlice shop/e", "Namespace shop", "Service shop/s"]);
    await allWatch();
    backend("in", "gate");
    backend("second", "gate", "shop");
    await until("moved", () => sink.objects.has("EndpointSlice gate/e") && !sink.objects.has("EndpointSlice edge/e"));
    await allWatch();
    server.put(PATHS.EndpointSlice, named("new", "gate"));
    await until("followed", () => sink.objects.has("EndpointSlice gate/new"));
    server.remove(INGRESS, "shop/in");
    await until("one is gone", () => !sink.objects.has("IngressBackend shop/in"));
    assert.ok(sink.objects.has("EndpointSlice gate/e"));
    server.remove(INGRESS, "shop/second");
    await until("left", () => !sink.objects.has("EndpointSlice gate/e"));
    assert.deepEqual(slices(), ["EndpointSlice shop/e", "Namespace shop", "Service shop/s"]);
  });

  it("tells all of a namespace that joins, follows it, and removes all of it when it leaves", async () => {
    server.put(PATHS.Service, named("old", "shop"));
    server.put(PATHS.Service, named("gone", "shop"));
    server.put(PATHS.Service, named("elsewhere", "plain"));
    await source.start(sink);
    await allWatch();
    server.remove(PATHS.Service, "shop/gone");
    member("shop");
    await until("told", () => sink.objects.has("Service shop/old"));
    await allWatch();
    server.put(PATHS.Service, named("new", "shop"));
    server.put(PATHS.Service, named("elsewhere", "plain"));
    await until("told", () => sink.objects.has("Service shop/new"));
    assert.deepEqual(sink.names(), ["Namespace shop", "Service shop/new", "Service shop/old"]);
    member("shop", "another-mesh");
    await until("all gone", () => sink.objects.size === 0);
    member("shop");
    await until("and back", () => sink.objects.size === 3);
    assert.ok(sink.log.every((line) => !line.includes("gone") && !line.includes("elsewhere")));
  });

  it("misses nothing that changes while many namespaces join", async () => {
    await source.start(sink);
    for (let i = 0; i < 30; i++) {
      server.put(PATHS.Service, named("before", `n${i}`));
      member(`n${i}`);
      server.put(PATHS.Service, named("after", `n${i}`));
      if (i % 3 === 0) server.remove(PATHS.Service, `n${i}/before`);
      if (i % 5 === 0) await pause(4);
    }
    const there = () => sink.names().filter((name) => name.startsWith("Service")).length;
    await until("all told", () => there() === 50);
    await allWatch();
    await pause(50);
    assert.equal(there(), 50);
  });

  it("tells a namespace that joins while another's objects are listed", async () => {
    server.put(PATHS.Service, named("s", "one"));
    server.put(PATHS.Service, named("s", "two"));
    await source.start(sink);
    await allWatch();
    server.faults.push((request, response) => {
      if (request.url?.startsWith("/api/v1/namespaces/one/services") !== true) return false;
      member("two");
      const list = { metadata: { resourceVersion: "1" }, items: [named("s", "one")] };
      setTimeout(() => response.end(JSON.stringify(list)), 60);
      server.faults.length = 0;
      return true;
    });
    member("one");
    await until("both told", () => sink.objects.size === 4);
  });

  it("tries a namespace again whose listing was refused", async () => {
    server.put(PATHS.Service, named("s", "shop"));
    await source.start(sink);
    let refused = 0;
    server.faults.push((request, response) => {
      if (request.url?.startsWith("/api/v1/namespaces/shop/services") !== true || refused >= 3) return false;
      refused += 1;
      refuse(response, 500, "InternalError");
      return true;
    });
    member("shop");
    await until("told", () => sink.objects.has("Service shop/s"));
    assert.equal(refused, 3);
    await until("watching", () =>
      source.status().some(({ kind, state }) => kind === "Service" && state === "watching"),
    );
  });

  it("waits for a server that is not there yet, and is not synced before every kind is", async () => {
    await server.away();
    const started = source.start(sink);
    await until("it is away", () => source.status().some(({ state }) => state === "away"));
    let forbidden = true;
    server.faults.push((request, response) => {
      if (!forbidden || request.url?.startsWith(PATHS.Pod) !== true) return false;
      refuse(response, 403, "Forbidden", "pods is forbidden");
      return true;
    });
    await server.resume();
    await until("pods are refused", () =>
      source.status().some(({ error }) => error?.includes("403 Forbidden") === true),
    );
    await pause(30);
    assert.equal(sink.isSynced, false);
    forbidden = false;
    await started;
    assert.equal(sink.isSynced, true);
  });

  it("rejects its start when it is stopped before, and leaves no connection", async () => {
    server.faults.push(() => true);
    const started = source.start(sink);
    await until("a request waits", () => server.requests.length === 1);
    await source.stop();
    await assert.rejects(started, /the Kubernetes source was stopped/);
    client.close();
    await until("no connection is left", () => server.connections === 0);
  });
});
