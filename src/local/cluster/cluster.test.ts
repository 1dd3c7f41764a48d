import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Redacted } from "../../core/base/redacted.ts";
import { type ObjectRef, refText } from "../../core/base/ref.ts";
import { parseObject } from "../../core/model/parse.ts";
import { Cluster } from "./cluster.ts";
import type { DesiredObject } from "./desired.ts";
import { FakeClock, settle } from "./fakes/fake-clock.ts";
import { FakeMachine } from "./fakes/fake-machine.ts";
import type { ProxyState } from "./ports.ts";
import { type RawObject, refOfRaw } from "./raw-object.ts";

const MESHED = { "openservicemesh.io/monitored-by": "osm" };

interface Workload {
  readonly kind?: string;
  readonly name?: string;
  readonly replicas?: number;
  readonly spec?: RawObject;
  readonly container?: RawObject;
  readonly pod?: RawObject;
}

function workload({
  kind = "Deployment",
  name = "web",
  replicas = 1,
  spec = {},
  container = {},
  pod = {},
}: Workload = {}): RawObject {
  const containers = [
    { name: "app", image: "img", command: ["serve"], ports: [{ name: "http", containerPort: 8080 }], ...container },
  ];
  const template = { metadata: { labels: { app: name } }, spec: { containers, ...pod } };
  const apiVersion = kind === "Job" ? "batch/v1" : "apps/v1";
  return { apiVersion, kind, metadata: { name, namespace: "shop" }, spec: { replicas, template, ...spec } };
}

function service(name: string, spec: RawObject = {}): RawObject {
  const ports = [{ port: 80, targetPort: "http" }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: { selector: { app: "web" }, ports, ...spec },
  };
}

function namespace(labels: Record<string, string>, annotations: Record<string, string> = {}): RawObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels, annotations } };
}

const INJECTED = namespace(MESHED, { "openservicemesh.io/sidecar-injection": "enabled" });

describe("Cluster", () => {
  let clock = new FakeClock();
  let machine = new FakeMachine();
  let objects = new Map<string, RawObject>();
  let proxies: ProxyState[] = [];
  let listeners = new Set<() => void>();
  let desired: DesiredObject[] = [];
  let roots = "first";
  let cluster: Cluster;

  beforeEach(() => {
    clock = new FakeClock();
    machine = new FakeMachine();
    objects = new Map();
    proxies = [];
    listeners = new Set();
    desired = [];
    roots = "first";
    cluster = new Cluster({
      machine,
      clock,
      sink: {
        apply: (raw) => {
          const parsed = parseObject(raw);
          assert.ok(parsed?.ok, `the control plane can read ${JSON.stringify(raw)}`);
          objects.set(refText(refOfRaw(raw as RawObject)), raw as RawObject);
          return [];
        },
        remove: (ref: ObjectRef) => objects.delete(refText(ref)),
        synced: () => undefined,
      },
      credentials: {
        issue: async () => ({
          chain: "CHAIN",
          key: new Redacted("KEY"),
          root: "ROOT",
          trustDomain: "cluster.local",
          revision: roots,
        }),
        revision: () => roots,
        onChange: () => undefined,
        stop: () => undefined,
      },
      proxies: {
        proxies: () => proxies,
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      sidecarDirectory: "/pod/envoy",
      desired: () => desired,
    });
  });

  async function want(...raws: RawObject[]): Promise<void> {
    desired = raws.map((raw) => ({ ref: refOfRaw(raw), raw }));
    cluster.poke();
    await clock.advance(3000);
  }

  const podNames = (): readonly string[] => cluster.pods().map(({ pod }) => pod.facts.name);
  const kinds = (kind: string): readonly RawObject[] => [...objects.values()].filter((raw) => raw["kind"] === kind);
  const endpoints = (name: string): string =>
    machine.services
      .filter(({ ip }) => machine.names.services.find((one) => one.name === name)?.clusterIp === ip)
      .flatMap((one) => one.endpoints.map(({ ip, port }) => `${ip}:${port}`))
      .join(" ");

  it("runs the pods of a Deployment under stable names and addresses, and follows its replicas", async () => {
    await want(workload({ replicas: 2 }));
    const before = podNames();
    assert.equal(before.length, 2);
    for (const name of before) assert.match(name, /^web-[a-z0-9]{5}-[a-z0-9]{5}$/);
    assert.deepEqual(
      [...machine.pods].map(({ ip }) => ip),
      ["10.244.0.10", "10.244.0.11"],
    );
    await want(workload({ replicas: 3 }));
    assert.deepEqual(
      podNames().filter((name) => before.includes(name)),
      before,
    );
    await want(workload({ replicas: 1 }));
    assert.equal(podNames().length, 1);
    await want();
    assert.deepEqual([podNames(), machine.pods.size, kinds("Pod").length], [[], 0, 0]);
  });

  it("replaces the pods of a changed template, the new one ready before the old one goes", async () => {
    await want(workload(), service("web"));
    const [old] = podNames();
    machine.diary.length = 0;
    await want(workload({ container: { command: ["serve", "v2"] } }), service("web"));
    const [fresh] = podNames();
    assert.notEqual(old, fresh);
    assert.deepEqual(machine.diary, [`create ${fresh}`, "start app", "stop app", `destroy ${old}`]);
    assert.equal(endpoints("web"), "10.244.0.11:8080");
  });

  it("takes a pod's endpoint away before its processes", async () => {
    await want(workload({ replicas: 2 }), service("web"));
    assert.equal(endpoints("web"), "10.244.0.10:8080 10.244.0.11:8080");
    const atStop: string[] = [];
    for (const pod of machine.pods) {
      const process = pod.latest("app");
      const stop = process.stop.bind(process);
      process.stop = () => {
        atStop.push(`${pod.ip} of ${endpoints("web")}`);
        return stop();
      };
    }
    await want(workload({ replicas: 1 }), service("web"));
    assert.equal(atStop.length, 1);
    const [gone = "", , left = ""] = (atStop[0] ?? "").split(" ");
    assert.ok(left.endsWith(":8080") && !left.startsWith(gone), atStop.join());
  });

  it("sends what still arrives to the last pod until it is gone, as kube-proxy does", async () => {
    await want(workload(), service("web"));
    desired = [service("web")].map((raw) => ({ ref: refOfRaw(raw), raw }));
    cluster.poke();
    await clock.advance(100);
    const [slice] = kinds("EndpointSlice");
    assert.match(JSON.stringify(slice), /"ready":false,"serving":true,"terminating":true/);
    assert.equal(endpoints("web"), "10.244.0.10:8080");
    await clock.advance(3000);
    assert.equal(endpoints("web"), "");
  });

  it("lets readiness decide what is an endpoint", async () => {
    machine.answer = () => ({ ok: false, detail: "HTTP 503" });
    const probed = workload({
      container: { readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1, failureThreshold: 1 } },
    });
    await want(probed, service("web"));
    const slice = (): unknown =>
      kinds("EndpointSlice").flatMap((raw) => (raw["endpoints"] as RawObject[]).map((one) => one["conditions"]))[0];
    assert.deepEqual([endpoints("web"), slice()], ["", { ready: false, serving: false, terminating: false }]);
    machine.answer = () => ({ ok: true, detail: "" });
    await clock.advance(2000);
    assert.deepEqual(
      [endpoints("web"), slice()],
      ["10.244.0.10:8080", { ready: true, serving: true, terminating: false }],
    );
    machine.answer = () => ({ ok: false, detail: "HTTP 503" });
    await clock.advance(2000);
    assert.equal(endpoints("web"), "");
    assert.match(cluster.pods()[0]?.runner.view().containers[0]?.message ?? "", /readiness probe: HTTP 503/);
  });

  it("numbers the pods of a StatefulSet and gives them names of their own", async () => {
    const headless = service("db", { clusterIP: "None", selector: { app: "db" } });
    await want(workload({ kind: "StatefulSet", name: "db", replicas: 2, spec: { serviceName: "db" } }), headless);
    assert.deepEqual(podNames(), ["db-0", "db-1"]);
    const named = machine.names.services.find(({ name }) => name === "db");
    assert.deepEqual(named?.endpoints, [
      { ip: "10.244.0.10", hostname: "db-0" },
      { ip: "10.244.0.11", hostname: "db-1" },
    ]);
    assert.equal(named?.clusterIp, undefined);
    assert.equal(machine.services.length, 0);
  });

  it("runs a Job to its end and keeps the pod for its log", async () => {
    await want(workload({ kind: "Job", name: "once", pod: { restartPolicy: "Never" } }));
    machine.pod("once").latest("app").exit(0);
    await clock.advance(60_000);
    assert.equal(cluster.pods()[0]?.runner.view().phase, "Succeeded");
    assert.deepEqual([podNames().length, machine.pods.size], [1, 0]);
  });

  it("gives meshed pods a sidecar that is ready before anything else starts, and ends last", async () => {
    const init = { name: "init", image: "img", command: ["prepare"] };
    await want(INJECTED, workload({ pod: { initContainers: [init] } }));
    assert.deepEqual(machine.diary.slice(1), ["start envoy"]);
    const { files, redirection } = machine.pod("web").options;
    assert.deepEqual([files?.["sds_key.pem"], files?.["cacert.pem"]], ["KEY", "ROOT"]);
    assert.match(redirection ?? "", /--uid-owner 1500/);
    const uuid = cluster.pods()[0]?.pod.proxyUuid ?? "";
    assert.match(JSON.stringify(kinds("Pod")), new RegExp(`"osm-proxy-uuid":"${uuid}"`));

    proxies = [{ uuid, connected: true, inSync: true }];
    for (const listener of [...listeners]) listener();
    await settle();
    assert.deepEqual(machine.diary.slice(2), ["start init"]);
    assert.equal(cluster.pods()[0]?.runner.view().phase, "Pending");
    machine.pod("web").latest("init").exit(0);
    await clock.advance(100);
    assert.equal(cluster.pods()[0]?.runner.view().ready, true);
    machine.diary.length = 0;
    await want(INJECTED);
    assert.deepEqual(machine.diary, ["stop app", "stop envoy", `destroy ${kindsOf(machine.diary)}`]);
  });

  it("replaces pods when their namespace joins the mesh, and runs none that a webhook would refuse", async () => {
    await want(workload());
    const [plain] = podNames();
    assert.equal(machine.pod("web").options.redirection, undefined);
    await want(INJECTED, workload());
    await clock.advance(10_000);
    assert.equal(podNames().length, 2, "the new one waits for its Envoy, the old one serves on");
    assert.ok(podNames().includes(plain ?? ""));
    await want(namespace(MESHED, { "openservicemesh.io/sidecar-injection": "maybe" }), workload({ name: "late" }));
    assert.ok(!podNames().some((name) => name.startsWith("late")));
    assert.match(cluster.warnings().join("\n"), /Deployment shop\/late: namespace shop: .* is "maybe"/);
  });

  it("makes namespaces and service accounts that nobody wrote, and says what a cluster would not do", async () => {
    await want(workload({ pod: { serviceAccountName: "shopper" } }));
    assert.ok(objects.has("Namespace shop") && objects.has("ServiceAccount shop/default"));
    assert.ok(objects.has("ServiceAccount shop/shopper"));
    assert.match(cluster.warnings().join("\n"), /ServiceAccount shop\/shopper is not in the manifests/);
  });

  it("keeps a service's address for its life, honours one that is asked for, and says when it cannot", async () => {
    await want(
      service("web"),
      service("fixed", { clusterIP: "10.96.7.7" }),
      service("late", { clusterIP: "10.96.7.7" }),
    );
    const ipOf = (name: string): string | undefined => {
      const parsed = parseObject(objects.get(`Service shop/${name}`));
      return parsed?.ok && parsed.value.kind === "Service" ? parsed.value.clusterIps[0] : undefined;
    };
    const address = ipOf("web");
    assert.equal(ipOf("fixed"), "10.96.7.7");
    assert.notEqual(ipOf("late"), "10.96.7.7");
    assert.match(cluster.warnings().join("\n"), /Service shop\/late: clusterIP 10\.96\.7\.7 is taken/);
    await want(service("a"), service("web"));
    assert.equal(ipOf("web"), address);
  });

  it("passes on the endpoints that the user wrote for a service without selector", async () => {
    const endpointsObject = {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "ext", namespace: "shop" },
      subsets: [{ addresses: [{ ip: "10.244.9.9" }], ports: [{ port: 3306 }] }],
    };
    await want(service("ext", { selector: {}, ports: [{ port: 3306 }] }), endpointsObject);
    assert.equal(endpoints("ext"), "10.244.9.9:3306");
    assert.ok(objects.has("Endpoints shop/ext"));
    assert.equal(kinds("EndpointSlice").length, 0);
  });

  it("splits a service's slices where a named port differs between pods", async () => {
    const other = workload({ name: "other", container: { ports: [{ name: "http", containerPort: 9090 }] } });
    await want(
      workload(),
      other,
      service("web", { selector: { "pod-template-hash": "none" } }),
      service("all", { selector: {} }),
    );
    assert.equal(kinds("EndpointSlice").length, 0, "an empty selector selects nothing");
    const labelled = (raw: RawObject): RawObject =>
      JSON.parse(JSON.stringify(raw).replaceAll('{"app":"other"}', '{"app":"web"}'));
    await want(workload(), labelled(other), service("web"));
    assert.equal(kinds("EndpointSlice").length, 2);
    assert.match(endpoints("web"), /:8080 .*:9090/);
  });

  it("says that an image alone cannot run, and runs the rest", async () => {
    await want(workload({ container: { command: [] } }), workload({ name: "other" }));
    const views = new Map(cluster.pods().map(({ pod, runner }) => [pod.owner.name, runner.view()]));
    assert.match(views.get("web")?.message ?? "", /image img has no program here: osm local runs commands, not images/);
    assert.deepEqual([views.get("web")?.ready, views.get("other")?.ready], [false, true]);
  });

  it("tries again when a pod cannot be set up", async () => {
    machine.failures = 2;
    desired = [workload()].map((raw) => ({ ref: refOfRaw(raw), raw }));
    cluster.poke();
    await clock.advance(500);
    assert.match(cluster.pods()[0]?.runner.view().message ?? "", /cannot be set up: no room/);
    await clock.advance(10_000);
    assert.equal(cluster.pods()[0]?.runner.view().ready, true);
  });

  it("leaves nothing when it closes, pods that still start included", async () => {
    await want(INJECTED, workload({ replicas: 2 }));
    assert.equal(machine.pods.size, 2);
    const closed = cluster.close();
    await clock.advance(10_000);
    await closed;
    assert.equal(machine.pods.size, 0);
    cluster.poke();
    await clock.advance(1000);
    assert.equal(machine.pods.size, 0);
  });
});

function kindsOf(diary: readonly string[]): string {
  return diary.at(-1)?.split(" ")[1] ?? "";
}
