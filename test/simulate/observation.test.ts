/** What proxies tell of their traffic: which Telemetry is in force, where lines and traces go, who counts for whom. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyOf } from "../../src/core/base/ref.ts";
import type { Observation } from "../../src/core/ir/observation.ts";
import type { ProxyIr } from "../../src/core/ir/proxy.ts";
import { createCompiler } from "../../src/engine/compile.ts";
import { createStore } from "../../src/engine/store.ts";
import { compileObjects, compileWith, SETTINGS, snapshotOf, withEndpoints } from "./compiled.ts";
import { named, namespace, PERMISSIVE, pod, type RawObject, service } from "./objects.ts";

function telemetry(path: string, spec: object, created = "2024-01-01T00:00:00Z"): RawObject {
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Telemetry",
    metadata: { ...named(path), creationTimestamp: created },
    spec,
  };
}

/** For all pods of its scope, or for those of an app; its lines are its own name. */
function lines(path: string, app?: string, created?: string): RawObject {
  const selector = app === undefined ? {} : { selector: { app } };
  return telemetry(path, { ...selector, accessLog: { format: path } }, created);
}

function collector(path: string, spec: object): RawObject {
  return { apiVersion: "config.openservicemesh.io/v1alpha2", kind: "ExtensionService", metadata: named(path), spec };
}

function toCollector(path: string, extensionService: string): RawObject {
  const openTelemetry = { extensionService: named(extensionService), attributes: { z: "1", a: "%PROTOCOL%" } };
  return telemetry(path, { accessLog: { openTelemetry } });
}

function observability(tracing: object, featureFlags: object = {}): RawObject {
  return { ...PERMISSIVE, spec: { ...(PERMISSIVE["spec"] as object), observability: { tracing }, featureFlags } };
}

const SHOP = [
  PERMISSIVE,
  namespace("shop"),
  namespace("bank"),
  namespace("elsewhere", { mesh: false }),
  pod("shop/web"),
  pod("shop/api"),
  pod("bank/web"),
  service("shop/web", 80),
];

function irsOf(objects: readonly RawObject[]): ReadonlyMap<string, ProxyIr> {
  const { mesh } = compileObjects(objects);
  return new Map([...mesh.proxies.values()].map((one) => [keyOf(one.pod.meta), one.ir]));
}

function observationOf(objects: readonly RawObject[], of: string): Observation {
  const ir = irsOf(objects).get(of);
  assert.ok(ir, of);
  return ir.observation;
}

/** The name of the Telemetry whose lines a pod writes. */
function inForce(of: string, ...objects: readonly RawObject[]): string {
  const { accessLog } = observationOf([...SHOP, ...objects], of);
  return accessLog.kind === "text" ? accessLog.text : accessLog.kind;
}

function codes(...objects: readonly RawObject[]): readonly string[] {
  const { findings } = compileObjects([...SHOP, ...objects]);
  return findings.map(({ code, about, path }) => `${code} ${about.kind} ${keyOf(about)} ${path}`);
}

describe("the Telemetry in force", () => {
  it("is none without one", () => assert.equal(inForce("shop/web"), "default"));
  it("is the mesh's, although its namespace is not monitored", () => {
    assert.equal(inForce("shop/web", lines("osm-system/all")), "osm-system/all");
  });
  it("is its namespace's before the mesh's", () => {
    const both = [lines("osm-system/all"), lines("shop/all")];
    assert.equal(inForce("shop/web", ...both), "shop/all");
    assert.equal(inForce("bank/web", ...both), "osm-system/all");
  });
  it("is one that selects the pod before those that do not, the mesh's too", () => {
    const all = [lines("osm-system/web", "web"), lines("shop/all"), lines("shop/web", "web")];
    assert.equal(inForce("shop/web", ...all), "shop/web");
    assert.equal(inForce("bank/web", ...all), "osm-system/web");
    assert.equal(inForce("shop/api", ...all), "shop/all");
  });
  it("is none of its namespace that selects other pods", () => {
    assert.equal(inForce("shop/api", lines("shop/web", "web")), "default");
  });
  it("is never one of another namespace, whatever it selects", () => {
    assert.equal(inForce("shop/web", lines("bank/web", "web"), lines("elsewhere/web", "web")), "default");
  });
  it("is none that says nothing of logs", () => {
    assert.equal(inForce("shop/web", telemetry("shop/a", {}), lines("osm-system/all")), "osm-system/all");
  });
  it("is the oldest, then the first by name; the others are told", () => {
    const young = lines("shop/a", undefined, "2024-06-01T00:00:00Z");
    assert.equal(inForce("shop/web", young, lines("shop/b")), "shop/b");
    assert.equal(inForce("shop/web", lines("shop/b"), lines("shop/c")), "shop/b");
    assert.deepEqual(codes(young, lines("shop/b")), ["telemetry-duplicate Telemetry shop/a spec"]);
  });
  it("tells of two that select the same pod, and not of two that select different ones", () => {
    const both = telemetry("shop/second", { selector: { app: "web" }, accessLog: { format: "x" } });
    assert.deepEqual(codes(lines("shop/first", "web"), both), [
      "telemetry-duplicate Telemetry shop/second spec.selector",
    ]);
    assert.deepEqual(codes(lines("shop/web", "web"), lines("shop/api", "api")), []);
  });
});

describe("a collector of logs", () => {
  const OTEL = collector("bank/otel", { host: "OTEL.bank", port: 4317, protocol: "h2c", connectTimeout: "2s" });

  it("is an upstream of the proxy, over HTTP/2 unless said", () => {
    const ir = irsOf([...SHOP, OTEL, toCollector("shop/all", "bank/otel")]).get("shop/web");
    assert.deepEqual(ir?.observation.collector, {
      cluster: "otel.bank.4317",
      protocol: { kind: "grpc" },
      attributes: [
        { key: "a", value: "%PROTOCOL%" },
        { key: "z", value: "1" },
      ],
    });
    assert.deepEqual(
      ir?.upstreams.find(({ name }) => name === "otel.bank.4317"),
      {
        kind: "host",
        name: "otel.bank.4317",
        host: "otel.bank",
        port: 4317,
        protocol: "http2",
        limits: { connectTimeout: 2000 },
      },
    );
  });
  it("gets OTLP over HTTP where it speaks HTTP/1.1 alone", () => {
    const http = collector("shop/otel", { host: "otel", port: 4318, protocol: "http1" });
    const told = observationOf([...SHOP, http, toCollector("shop/all", "shop/otel")], "shop/web").collector;
    assert.deepEqual(told?.protocol, { kind: "http", url: "http://otel:4318/v1/logs" });
  });
  it("is left out where it does not exist, and the object that names it is told", () => {
    const missing = toCollector("shop/all", "shop/none");
    assert.deepEqual(observationOf([...SHOP, missing], "shop/web"), observationOf(SHOP, "shop/web"));
    assert.deepEqual(codes(missing), [
      "extension-service-missing Telemetry shop/all spec.accessLog.openTelemetry.extensionService",
    ]);
  });
});

describe("traces", () => {
  it("go to the address of the MeshConfig, by default to the one in the mesh's namespace", () => {
    const objects = (tracing: object) => [...SHOP.slice(1), observability(tracing)];
    assert.equal(observationOf(objects({ enable: false, address: "zipkin" }), "shop/web").tracing, undefined);
    assert.deepEqual(observationOf(objects({ enable: true }), "shop/web").tracing, {
      cluster: "envoy-tracing-cluster",
      endpoint: "/api/v2/spans",
      host: "jaeger.osm-system.svc.cluster.local",
    });
    const ir = irsOf(objects({ enable: true, address: "zipkin", port: 40_000, sampling: 12.5 })).get("shop/web");
    assert.equal(ir?.observation.tracing?.sampling, 12.5);
    assert.deepEqual(
      ir?.upstreams.find(({ name }) => name === "envoy-tracing-cluster"),
      { kind: "host", name: "envoy-tracing-cluster", host: "zipkin", port: 40_000, protocol: "http1" },
    );
  });
});

describe("golden signals", () => {
  const scraped = pod("shop/api", { annotations: { "prometheus.io/scrape": "true" } });
  const withScraped = (config: RawObject) => [
    config,
    ...SHOP.slice(1).filter(({ metadata }) => (metadata as { name: string }).name !== "api"),
    scraped,
  ];
  const endpointOf = (irs: ReadonlyMap<string, ProxyIr>, of: string) => irs.get(of)?.endpointSets[0]?.endpoints[0];
  const on = observability({}, { enableWASMStats: true });

  it("are counted by proxies that are scraped, and all are told whose endpoints are", () => {
    const irs = irsOf(withScraped(on));
    assert.equal(irs.get("shop/api")?.observation.signals, true);
    assert.equal(irs.get("shop/web")?.observation.signals, false);
    assert.deepEqual(endpointOf(irs, "shop/api")?.workload, {
      namespace: "shop",
      kind: "unknown",
      name: "unknown",
      pod: "web",
    });
    assert.equal(endpointOf(irs, "shop/api"), endpointOf(irs, "bank/web"));
  });
  it("cost nobody anything where no pod is scraped, or the flag is off", () => {
    assert.equal(endpointOf(irsOf([on, ...SHOP.slice(1)]), "shop/api")?.workload, undefined);
    const off = irsOf(withScraped(observability({}, { enableWASMStats: false })));
    assert.equal(off.get("shop/api")?.observation.signals, false);
    assert.equal(endpointOf(off, "shop/api")?.workload, undefined);
  });
});

describe("a change of what is told", () => {
  /** Compiles one state after the other, as the engine does, and from nothing; both must agree. */
  function history(states: readonly (readonly RawObject[])[]): readonly ReadonlyMap<string, ProxyIr>[] {
    const store = createStore(() => {});
    const compiler = createCompiler(SETTINGS);
    let known: readonly RawObject[] = [];
    return states.map((state) => {
      for (const { kind, metadata } of known) store.remove({ kind, ...(metadata as ReturnType<typeof named>) });
      known = withEndpoints(state);
      for (const object of known) store.apply(object);
      const fresh = compileWith(createCompiler(SETTINGS), snapshotOf(known).snapshot);
      const mesh = compileWith(compiler, store.snapshot());
      assert.deepEqual(mesh.findings, fresh.findings);
      const irs = [...mesh.proxies].map(([key, { pod: of, ir }]) => {
        assert.deepEqual(ir, fresh.proxies.get(key)?.ir);
        return [keyOf(of.meta), ir] as const;
      });
      return new Map(irs);
    });
  }

  it("reaches the proxies that it is for, and no other", () => {
    const otel = (port: number) => collector("shop/otel", { host: "otel", port });
    const told = [...SHOP, toCollector("shop/all", "shop/otel")];
    const [before, created, moved, gone] = history([told, [...told, otel(1)], [...told, otel(2)], SHOP]);
    const ports = [before, created, moved, gone].map((irs) => irs?.get("shop/web")?.observation.collector?.cluster);
    assert.deepEqual(ports, [undefined, "otel.1", "otel.2", undefined]);
    for (const irs of [created, moved, gone]) assert.equal(irs?.get("bank/web"), before?.get("bank/web"));
  });
  it("is none where a format differs in the order of its keys alone", () => {
    const format = (text: string) => [...SHOP, telemetry("shop/all", { accessLog: { format: text } })];
    const [one, other] = history([
      format('{"b":{"y":1,"x":2},"a":"%PROTOCOL%"}'),
      format('{"a":"%PROTOCOL%","b":{"x":2,"y":1}}'),
    ]);
    assert.equal(one?.get("shop/web"), other?.get("shop/web"));
    assert.notEqual(one?.get("shop/web"), one?.get("bank/web"));
  });
  it("is one value for all proxies that tell the same", () => {
    const [irs] = history([[...SHOP, lines("osm-system/all")]]);
    assert.equal(irs?.get("shop/web")?.observation, irs?.get("bank/web")?.observation);
  });
});
