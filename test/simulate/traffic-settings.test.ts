/** Where UpstreamTrafficSettings, Retries, times and endpoints that go away end up in what Envoys are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { VirtualHostSchema } from "../../gen/envoy/config/route/v3/route_components_pb.ts";
import { PACKED as registry } from "../golden/envoy-messages.ts";
import { anyWorld, PROBES } from "./any-world.ts";
import { compileObjects } from "./compiled.ts";
import {
  addressOf,
  meshConfig,
  named,
  namespace,
  pod,
  type RawObject,
  retry,
  routes,
  SMI,
  service,
  split,
  target,
  upstreamSetting,
} from "./objects.ts";
import { world } from "./world.ts";

const LIMITS = { connectionSettings: { tcp: { maxConnections: 7 } } };
const TOKENS = (requests: number) => ({ local: { http: { requests, unit: "minute" } } });
const RLS = { rateLimitService: { host: "limits.rls", port: 8081 }, domain: "test" };
const ASKED = { ...RLS, descriptors: [{ entries: [{ genericKey: { value: "v" } }] }] };

const permissive = (traffic: object = {}, flags?: Readonly<Record<string, unknown>>) =>
  meshConfig({ ...traffic, enablePermissiveTrafficPolicyMode: true, enableEgress: false }, flags);
const SHOP = [namespace("shop"), pod("shop/web"), pod("shop/api"), service("shop/api", 80)];

function compiled(...objects: readonly RawObject[]) {
  const { configs, findings } = compileObjects([...SHOP, ...objects]);
  const of = (name: string) => {
    const config = configs.get(name);
    assert.ok(config !== undefined, `${name} has no proxy`);
    return config;
  };
  const text = (value: unknown) => JSON.stringify(value);
  return {
    codes: findings.map(({ code, about, path }) => `${code} ${about.namespace}/${about.name} ${path}`),
    cluster(proxy: string, name: string): string {
      const found = of(proxy).clusters.find((one) => one.name === name);
      return found === undefined ? "" : text(toJson(ClusterSchema, found, { registry }));
    },
    listeners: (proxy: string) =>
      of(proxy)
        .listeners.map((one) => text(toJson(ListenerSchema, one, { registry })))
        .join(),
    /** The virtual hosts of a table, each as a text. */
    hosts(proxy: string, table: string): readonly string[] {
      const found = of(proxy).routes.find(({ name }) => name === table);
      return (found?.virtualHosts ?? []).map((host) => text(toJson(VirtualHostSchema, host, { registry })));
    },
    endpoints: (proxy: string, cluster: string) =>
      of(proxy).endpoints.find(({ clusterName }) => clusterName === cluster)?.endpoints ?? [],
  };
}

describe("the host of an UpstreamTrafficSetting", () => {
  for (const host of [
    "api",
    "api.shop",
    "api.shop.svc",
    "api.shop.svc.cluster",
    "api.shop.svc.cluster.local",
    "API.Shop",
  ]) {
    it(`may be ${host}`, () => {
      const { cluster, codes } = compiled(permissive(), upstreamSetting("shop/u", { host, ...LIMITS }));
      assert.match(cluster("shop/web", "shop/api|80"), /"maxConnections":7,/);
      assert.deepEqual(codes, []);
    });
  }
  for (const host of ["gone", "api.other", "api.other.svc.cluster.local", "api.shop.svc.example.org", "x.y.api.shop"]) {
    it(`means nothing as ${host}`, () => {
      const { cluster, codes } = compiled(permissive(), upstreamSetting("shop/u", { host, ...LIMITS }));
      assert.match(cluster("shop/web", "shop/api|80"), /"maxConnections":4294967295/);
      assert.deepEqual(codes, ["upstream-setting-host-missing shop/u spec.host"]);
    });
  }

  it("means Services of its own namespace alone", () => {
    const elsewhere = [namespace("other"), upstreamSetting("other/u", { host: "api.shop", ...LIMITS })];
    const { cluster, codes } = compiled(permissive(), ...elsewhere);
    assert.match(cluster("shop/web", "shop/api|80"), /"maxConnections":4294967295/);
    assert.deepEqual(codes, ["upstream-setting-host-missing other/u spec.host"]);
  });

  it("means nothing in a namespace that is not of the mesh", () => {
    const outside = [namespace("out", { mesh: false }), upstreamSetting("out/u", { host: "api" })];
    assert.deepEqual(compiled(permissive(), ...outside).codes, []);
  });

  it("may be one pod of a StatefulSet; the others keep to the Service's", () => {
    const one = (i: number) =>
      pod(`shop/db-${i}`, { account: "db", labels: { app: "db" }, hostname: `db-${i}`, subdomain: "db" });
    const { cluster, codes } = compiled(
      permissive(),
      one(0),
      one(1),
      service("shop/db", [{ name: "tcp-x", port: 90 }], { headless: true }),
      upstreamSetting("shop/all", { host: "db", connectionSettings: { tcp: { maxConnections: 9 } } }),
      upstreamSetting("shop/first", { host: "db-0.db.shop.svc.cluster.local", ...LIMITS }),
    );
    assert.match(cluster("shop/web", "shop/db-0.db|90"), /"maxConnections":7,/);
    assert.match(cluster("shop/web", "shop/db-1.db|90"), /"maxConnections":9,/);
    assert.deepEqual(codes, []);
  });

  it("is of the oldest object, whatever its name", () => {
    const { cluster, codes } = compiled(
      permissive(),
      upstreamSetting(
        "shop/a",
        { host: "api", connectionSettings: { tcp: { maxConnections: 9 } } },
        "2024-01-02T00:00:00Z",
      ),
      upstreamSetting("shop/b", { host: "api.shop", ...LIMITS }, "2024-01-01T00:00:00Z"),
    );
    assert.match(cluster("shop/web", "shop/api|80"), /"maxConnections":7,/);
    assert.deepEqual(codes, ["upstream-setting-duplicate shop/a spec.host"]);
  });
});

describe("rate limits", () => {
  it("are the server's alone", () => {
    const { hosts } = compiled(permissive(), upstreamSetting("shop/u", { host: "api", rateLimit: TOKENS(3) }));
    assert.match(hosts("shop/api", "rds-inbound.80").join(), /"maxTokens":3/);
    assert.doesNotMatch(hosts("shop/web", "rds-outbound.80").join(), /"maxTokens"/);
  });

  it("of the root of a split hold on each of its backends, also those that a service is asked about", () => {
    const shop = [
      pod("shop/v1", { labels: { app: "v1", root: "yes" } }),
      service("shop/v1", 80),
      service("shop/root", 80, { selector: { root: "yes" } }),
      split("shop/s", "root", { v1: 1 }),
      upstreamSetting("shop/u", { host: "root", rateLimit: { ...TOKENS(3), global: { http: ASKED } } }),
    ];
    const { hosts, listeners, cluster } = compiled(permissive(), ...shop);
    const limited = hosts("shop/v1", "rds-inbound.80").filter((host) => host.includes('"maxTokens":3'));
    assert.match(limited.join(), /^{"name":"inbound_virtual-host\|root\.shop\.svc\.cluster\.local"/);
    // One chain is the backend's, and one the root's own.
    assert.equal(listeners("shop/v1").split('"clusterName":"limits.rls|8081"').length - 1, 2);
    assert.match(cluster("shop/v1", "limits.rls|8081"), /"address":"limits\.rls"/);
  });

  it("say what cannot work", () => {
    const descriptors = [{ entries: [{ remoteAddress: {} }] }];
    const { codes } = compiled(
      permissive(),
      pod("shop/limits"),
      service("shop/limits", 8081),
      pod("shop/raw"),
      service("shop/raw", [{ name: "tcp-x", port: 90 }]),
      upstreamSetting("shop/u", {
        host: "api",
        rateLimit: {
          global: {
            tcp: {
              ...RLS,
              rateLimitService: { host: "limits.shop", port: 8081 },
              descriptors: [{ entries: [{ key: "a", value: "b" }] }],
            },
          },
        },
        httpRoutes: [{ path: "/books", rateLimit: { global: { descriptors } } }],
      }),
      upstreamSetting("shop/v", { host: "raw", rateLimit: TOKENS(3) }),
    );
    assert.deepEqual(codes.sort(), [
      "rate-limit-path-unmatched shop/u spec.httpRoutes[0].path",
      "rate-limit-service-meshed shop/u spec.rateLimit.global.tcp.rateLimitService.host",
      "rate-limit-service-missing shop/u spec.httpRoutes[0].rateLimit.global",
      "rate-limit-without-http shop/v spec.rateLimit",
    ]);
  });

  it("of a route go by the text of the path that an HTTPRouteGroup gives it", () => {
    const { hosts, codes } = compiled(
      SMI,
      routes("shop/g", { books: { pathRegex: "/books/.*" }, rest: { pathRegex: "/rest" } }),
      target("shop/t", { to: "api", from: ["shop/web"], http: { g: ["books", "rest"] } }),
      upstreamSetting("shop/u", {
        host: "api",
        httpRoutes: [{ path: "/books/.*", rateLimit: { local: TOKENS(3).local.http } }],
      }),
    );
    const [host = ""] = hosts("shop/api", "rds-inbound.80");
    const limited = host.split('{"match":').filter((route) => route.includes('"maxTokens":3'));
    assert.equal(limited.length, 1);
    assert.match(limited.join(), /"regex":"\/books\/\.\*"/);
    assert.deepEqual(codes, []);
  });
});

describe("limits and retries", () => {
  const runs = { numRuns: Number(process.env["LAW_RUNS"] ?? 10) };

  it("change nothing about who may call whom", () => {
    const law = fc.property(anyWorld({ limits: true }), (objects) => {
      const bare = world(...objects.filter(({ kind }) => kind !== "UpstreamTrafficSetting" && kind !== "Retry"));
      const full = world(...objects);
      const callers = [...full.configs.keys()];
      const hosts = objects.flatMap((one) => (one.kind === "Service" ? [hostOf(one)] : []));
      for (const from of callers) {
        for (const host of hosts.filter((one) => full.resolves(from, one))) {
          for (const probe of PROBES) {
            const request = probe.replace("HOST", host);
            assert.equal(full.call(from, request), bare.call(from, request), `${from} ${request}`);
          }
        }
      }
    });
    fc.assert(law, runs);
  });

  function hostOf({ metadata }: RawObject & { readonly metadata?: unknown }): string {
    const { namespace: ns, name } = metadata as { readonly namespace: string; readonly name: string };
    return `${name}.${ns}`;
  }
});

describe("Retry", () => {
  const policy = { retryOn: "5xx,reset", numRetries: 5, perTryTimeout: "1s", retryBackoffBaseInterval: "2s" };
  const again = (name: string, to: readonly string[], more: object = {}, createdAt?: string) =>
    retry(`shop/${name}`, { from: "shop/web", to, policy: { ...policy, ...more } }, createdAt);
  const ON = { enableRetryPolicy: true };

  it("is in its source's route to its destination, and in nobody else's", () => {
    const { hosts, codes } = compiled(permissive({}, ON), again("r", ["shop/api"]));
    assert.match(
      hosts("shop/web", "rds-outbound.80").join(),
      /"retryPolicy":\{"retryOn":"5xx,reset","numRetries":5,"perTryTimeout":"1s","retryBackOff":\{"baseInterval":"2s"/,
    );
    assert.doesNotMatch(hosts("shop/api", "rds-outbound.80").join(), /5xx/);
    assert.deepEqual(codes, []);
  });

  it("leaves calls that it does not name to be tried again elsewhere, as long as they never left", () => {
    const unsent =
      /"retryPolicy":\{"retryOn":"connect-failure,refused-stream,reset-before-request","numRetries":2,.*previous_hosts/;
    const { hosts } = compiled(permissive({}, ON), again("r", ["shop/api"]));
    assert.match(hosts("shop/api", "rds-outbound.80").join(), unsent);
    assert.doesNotMatch(hosts("shop/web", "rds-outbound.80").join(), unsent);
    assert.match(
      compiled(permissive(), again("r", ["shop/api"]))
        .hosts("shop/web", "rds-outbound.80")
        .join(),
      unsent,
    );
    assert.doesNotMatch(hosts("shop/api", "rds-inbound.80").join(), /retryPolicy/);
  });

  it("repeats nothing at all with a number of 0", () => {
    const { hosts } = compiled(permissive({}, ON), again("r", ["shop/api"], { numRetries: 0 }));
    assert.doesNotMatch(hosts("shop/web", "rds-outbound.80").join(), /retryPolicy/);
  });

  it("says that it is off, and what it does not find", () => {
    assert.deepEqual(compiled(permissive(), again("r", ["shop/api"])).codes, ["policy-disabled shop/r "]);
    const { codes } = compiled(permissive({}, ON), again("r", ["shop/gone", "shop/api"]));
    assert.deepEqual(codes, ["retry-destination-missing shop/r spec.destinations[0]"]);
  });

  it("is the oldest for a pair of account and Service", () => {
    const older = again("z", ["shop/api"], { numRetries: 2 }, "2024-01-01T00:00:00Z");
    const younger = again("a", ["shop/api"], { numRetries: 9 }, "2024-01-02T00:00:00Z");
    const { hosts, codes } = compiled(permissive({}, ON), older, younger);
    assert.match(hosts("shop/web", "rds-outbound.80").join(), /"numRetries":2,/);
    assert.deepEqual(codes, ["retry-duplicate shop/a spec.destinations[0]"]);
  });
});

describe("times", () => {
  const annotated = (annotations: Readonly<Record<string, string>>): RawObject => ({
    ...service("shop/api", 80),
    metadata: { ...named("shop/api"), annotations },
  });
  const timesOf = (hosts: readonly string[]) =>
    [...hosts.join().matchAll(/"(timeout|idleTimeout)":"([^"]*)"/g)].map(([, , time]) => time);

  for (const [what, traffic, annotations, caller, server] of [
    ["nobody says anything", {}, {}, ["0s"], ["0s"]],
    ["the MeshConfig does", { requestTimeout: "9s", idleTimeout: "8s" }, {}, ["9s", "8s"], ["0s", "13s"]],
    [
      "the Service does",
      { requestTimeout: "9s", idleTimeout: "8s" },
      { "openservicemesh.io/request-timeout": "1s", "openservicemesh.io/idle-timeout": "0s" },
      ["1s", "0s"],
      ["0s", "0s"],
    ],
    [
      "the Service wants any time",
      { requestTimeout: "9s" },
      { "openservicemesh.io/request-timeout": "0s" },
      ["0s"],
      ["0s"],
    ],
  ] as const) {
    it(`are ${caller.join(" and ")} for callers where ${what}`, () => {
      const { hosts } = compiled(permissive(traffic), annotated(annotations));
      assert.deepEqual(timesOf(hosts("shop/web", "rds-outbound.80")), caller);
      assert.deepEqual(timesOf(hosts("shop/api", "rds-inbound.80")), server);
    });
  }

  it("that cannot be read count as none, and are told", () => {
    const { hosts, codes } = compiled(permissive(), annotated({ "openservicemesh.io/request-timeout": "soon" }));
    assert.deepEqual(timesOf(hosts("shop/web", "rds-outbound.80")), ["0s"]);
    assert.deepEqual(codes, ["field-invalid shop/api metadata.annotations[openservicemesh.io/request-timeout]"]);
  });
});

describe("endpoints that go away", () => {
  const ADDRESSES = ["one", "two", "three"].map((name) => addressOf(10, `pod shop/${name}`));
  const end = (conditions: object, i: number) => ({ addresses: [ADDRESSES[i]], conditions });
  const READY = { ready: true, serving: true, terminating: false };
  const GOING = { ready: false, serving: true, terminating: true };
  const GONE = { ready: false, serving: false, terminating: true };
  const SICK = { ready: false, serving: false, terminating: false };

  function told(...conditions: readonly object[]) {
    const slice: RawObject = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: "shop", name: "many", labels: { "kubernetes.io/service-name": "many" } },
      addressType: "IPv4",
      ports: [{ name: "http-main", port: 80, protocol: "TCP" }],
      endpoints: conditions.map(end),
    };
    const pods = ["one", "two", "three"].map((name, i) =>
      pod(`shop/${name}`, { account: "many", labels: { app: "many" }, ready: false, ip: ADDRESSES[i] ?? "" }),
    );
    const { endpoints } = compiled(permissive(), ...pods, service("shop/many", 80), slice);
    const [staying, going] = endpoints("shop/web", "shop/many|80").map(({ lbEndpoints, priority }) => ({
      priority,
      draining: lbEndpoints.every(({ healthStatus }) => healthStatus === HealthStatus.DRAINING),
      addresses: lbEndpoints.map(({ hostIdentifier }) =>
        ADDRESSES.findIndex((one) => JSON.stringify(hostIdentifier, noBigInt).includes(`"${one}"`)),
      ),
    }));
    return { staying, going };
  }
  const noBigInt = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
  const first = (...addresses: readonly number[]) => ({ priority: 0, draining: false, addresses });

  it("stay, apart from the others, for as long as they answer", () => {
    assert.deepEqual(told(READY, GOING, GONE), {
      staying: first(0),
      going: { priority: 1, draining: true, addresses: [1] },
    });
  });
  it("are used if they are all there is", () => {
    assert.deepEqual(told(GOING, GONE, GOING), { staying: first(0, 2), going: undefined });
  });
  it("are not those that only are not ready", () => {
    assert.deepEqual(told(READY, SICK, { ...SICK, serving: true }), { staying: first(0), going: undefined });
  });
});
