/** Where UpstreamTrafficSettings end up in what Envoys are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { anyWorld, PROBES } from "./any-world.ts";
import { namespace, pod, type RawObject, routes, SMI, service, split, target, upstreamSetting } from "./objects.ts";
import { compiled, permissive } from "./shop.ts";
import { world } from "./world.ts";

const LIMITS = { connectionSettings: { tcp: { maxConnections: 7 } } };
const TOKENS = (requests: number) => ({ local: { http: { requests, unit: "minute" } } });
const RLS = { rateLimitService: { host: "limits.rls", port: 8081 }, domain: "test" };
const ASKED = { ...RLS, descriptors: [{ entries: [{ genericKey: { value: "v" } }] }] };

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
