/** TrafficSplit: shares of a root Service for its backends (dataplane spec 2.11, 15). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { namespace, PERMISSIVE, pod, type RawObject, routes, SMI, service, split, target } from "./objects.ts";
import { world } from "./world.ts";

/** A root that selects both leaves, as OSM 1.2 asks. */
const store = [
  namespace("shop"),
  namespace("away"),
  pod("shop/client"),
  pod("away/client"),
  pod("shop/v1", { labels: { app: "store", version: "v1" } }),
  pod("shop/v2", { labels: { app: "store", version: "v2" } }),
  service("shop/store", 80),
  service("shop/store-v1", 80, { selector: { app: "store", version: "v1" } }),
  service("shop/store-v2", 80, { selector: { app: "store", version: "v2" } }),
];

function mesh(...objects: readonly RawObject[]) {
  return world(PERMISSIVE, ...store, ...objects);
}

function codes({ findings }: ReturnType<typeof world>): readonly string[] {
  return findings.map(({ code }) => code);
}

const get = "GET http://store/";
const ninetyTen = { "store-v1": 90, "store-v2": 10 };

describe("a split", () => {
  for (const root of [
    "store",
    "store.shop",
    "store.shop.svc",
    "store.shop.svc.cluster",
    "store.shop.svc.cluster.local",
    "store:80",
    "store.shop.svc.cluster.local:80",
  ]) {
    it(`of root ${root}`, () => {
      const one = mesh(split("shop/s", root, ninetyTen));
      assert.equal(one.call("shop/client", get), "90% 200 shop/v1, 10% 200 shop/v2");
    });
  }

  it("is the same to callers of other namespaces and to the server's every host name", () => {
    const one = mesh(split("shop/s", "store", ninetyTen));
    assert.equal(
      one.call("away/client", "GET http://store.shop.svc.cluster.local/"),
      "90% 200 shop/v1, 10% 200 shop/v2",
    );
  });

  it("leaves direct calls to its backends alone", () => {
    assert.equal(mesh(split("shop/s", "store", ninetyTen)).call("shop/client", "GET http://store-v2/"), "200 shop/v2");
  });

  for (const [weights, expected] of [
    [{ "store-v1": 1, "store-v2": 1 }, "50% 200 shop/v1, 50% 200 shop/v2"],
    [{ "store-v1": 0, "store-v2": 100 }, "200 shop/v2"],
    [{ "store-v1": 7 }, "200 shop/v1"],
    [{ "store-v1": 0, "store-v2": 0 }, "503 by client"],
  ] as const) {
    it(`of weights ${JSON.stringify(weights)}`, () => {
      assert.equal(mesh(split("shop/s", "store", weights)).call("shop/client", get), expected);
    });
  }

  it("may have the root among its backends", () => {
    const one = mesh(split("shop/s", "store", { store: 50, "store-v2": 50 }));
    assert.equal(one.call("shop/client", get), "25% 200 shop/v1, 75% 200 shop/v2");
  });

  it("of a root that selects no pods of its own", () => {
    const bare = [service("shop/root", 80, { selector: { app: "nobody" } }), split("shop/s", "root", ninetyTen)];
    assert.equal(mesh(...bare).call("shop/client", "GET http://root/"), "90% 200 shop/v1, 10% 200 shop/v2");
  });

  it("between backends with other target ports than the root's", () => {
    const app = (version: string, targetPort: number) => [
      pod(`shop/x-${version}`, { labels: { app: "x", version } }),
      service(`shop/x-${version}`, [{ name: "http-x", port: 80, targetPort }], { selector: { app: "x", version } }),
    ];
    const one = mesh(
      service("shop/x", [{ name: "http-x", port: 80, targetPort: 8080 }]),
      ...app("v1", 8080),
      ...app("v2", 9090),
      split("shop/s", "x", { "x-v1": 50, "x-v2": 50 }),
    );
    assert.equal(one.call("shop/client", "GET http://x/"), "50% 200 shop/x-v1, 50% 200 shop/x-v2");
  });

  it("between two backends on one pod, on different target ports", () => {
    const backend = (name: string, targetPort: number) =>
      service(`shop/${name}`, [{ name: "http-x", port: 80, targetPort }], { selector: { app: "x" } });
    const one = mesh(
      pod("shop/x"),
      service("shop/root", 80, { selector: { app: "nobody" } }),
      backend("blue", 8080),
      backend("green", 9090),
      split("shop/s", "root", { blue: 50, green: 50 }),
    );
    assert.equal(one.call("shop/client", "GET http://root/"), "200 shop/x");
  });

  it("of several ports counts for each", () => {
    const ports = [
      { name: "http-a", port: 80 },
      { name: "tcp-b", port: 90 },
    ];
    const leaf = (name: string) => [pod(`shop/${name}`), service(`shop/${name}`, ports)];
    const root = service("shop/root", ports, { selector: { app: "nobody" } });
    const one = mesh(...leaf("p"), ...leaf("q"), root, split("shop/s", "root", { p: 30, q: 70 }));
    assert.equal(one.call("shop/client", "GET http://root/"), "30% 200 shop/p, 70% 200 shop/q");
    assert.equal(one.call("shop/client", "tcp://root:90"), "30% open shop/p, 70% open shop/q");
  });

  it("between backends of one account", () => {
    const labels = (version: string) => ({ account: "x", labels: { app: "x", version } });
    const one = world(
      SMI,
      namespace("shop"),
      pod("shop/client"),
      pod("shop/x1", labels("1")),
      pod("shop/x2", labels("2")),
      service("shop/x", 80),
      service("shop/x1", 80, { selector: { app: "x", version: "1" } }),
      service("shop/x2", 80, { selector: { app: "x", version: "2" } }),
      split("shop/s", "x", { x1: 20, x2: 80 }),
      routes("shop/g", { any: {} }),
      target("shop/t", { to: "x", from: ["shop/client"], http: { g: ["any"] } }),
    );
    assert.equal(one.call("shop/client", "GET http://x/"), "20% 200 shop/x1, 80% 200 shop/x2");
  });

  it("of a headless StatefulSet's Service leaves the pods' own names alone", () => {
    const db = pod("shop/db-0", { labels: { app: "db" }, hostname: "db-0", subdomain: "db" });
    const one = mesh(db, service("shop/db", 80, { headless: true }), split("shop/s", "db", ninetyTen));
    assert.equal(one.call("shop/client", "GET http://db-0.db/"), "200 shop/db-0");
    const hosts = one.configs
      .get("shop/v1")
      ?.routes.flatMap(({ virtualHosts }) => virtualHosts.map(({ name }) => name));
    assert.ok(hosts?.includes("inbound_virtual-host|db.shop.svc.cluster.local"));
    assert.ok(!hosts?.includes("inbound_virtual-host|db-0.db.shop.svc.cluster.local"));
    assert.equal(one.call("shop/client", "GET http://db/"), "90% 200 shop/v1, 10% 200 shop/v2");
  });
});

describe("a split in SMI mode", () => {
  const any = routes("shop/g", { any: {} });
  const allow = (to: string) => target(`shop/${to}`, { to, from: ["shop/client"], http: { g: ["any"] } });

  it("sends each share to backends that the caller may reach", () => {
    const one = world(SMI, ...store, split("shop/s", "store", ninetyTen), any, allow("v1"), allow("v2"));
    assert.equal(one.call("shop/client", get), "90% 200 shop/v1, 10% 200 shop/v2");
  });

  it("fails the share of a backend that it may not, instead of giving it to the others", () => {
    const one = world(SMI, ...store, split("shop/s", "store", ninetyTen), any, allow("v1"));
    assert.equal(one.call("shop/client", get), "90% 200 shop/v1, 10% 503 by client");
  });
});

describe("a split that is not quite right", () => {
  it("gives the share of a missing backend to the others", () => {
    const one = mesh(split("shop/s", "store", { ...ninetyTen, gone: 100 }));
    assert.equal(one.call("shop/client", get), "90% 200 shop/v1, 10% 200 shop/v2");
    assert.ok(codes(one).includes("split-backend-missing"));
  });

  it("gives the share of a backend without the port to the others", () => {
    const one = mesh(
      service("shop/other", 81, { selector: { app: "store" } }),
      split("shop/s", "store", { "store-v1": 1, other: 1 }),
    );
    assert.equal(one.call("shop/client", get), "200 shop/v1");
    assert.ok(codes(one).includes("split-backend-port-missing"));
  });

  it("with a root that names another namespace, or none that is there, splits nothing", () => {
    for (const root of ["store.away", "nothing", "store.shop.example.org"]) {
      const one = mesh(split("shop/s", root, { "store-v2": 1 }));
      assert.equal(one.call("shop/client", get), "50% 200 shop/v1, 50% 200 shop/v2", root);
      assert.ok(codes(one).includes("split-root-missing"), root);
    }
  });

  it("loses to the first by name of the same age", () => {
    const one = mesh(split("shop/b", "store", { "store-v1": 1 }), split("shop/a", "store.shop", { "store-v2": 1 }));
    assert.equal(one.call("shop/client", get), "200 shop/v2");
    assert.ok(codes(one).includes("split-duplicate"));
  });

  it("loses to an older one, whatever their names", () => {
    const born = (raw: RawObject, creationTimestamp: string) => ({
      ...raw,
      metadata: { ...(raw["metadata"] as object), creationTimestamp },
    });
    const one = mesh(
      born(split("shop/a", "store", { "store-v1": 1 }), "2026-02-01T00:00:00Z"),
      born(split("shop/b", "store", { "store-v2": 1 }), "2026-01-01T00:00:00Z"),
    );
    assert.equal(one.call("shop/client", get), "200 shop/v2");
  });

  it("is not followed into another split", () => {
    const inner = split("shop/inner", "store-v1", { "store-v2": 1 });
    const one = mesh(split("shop/outer", "store", { "store-v1": 1 }), inner);
    assert.equal(one.call("shop/client", get), "200 shop/v1");
    assert.equal(one.call("shop/client", "GET http://store-v1/"), "200 shop/v2");
    assert.ok(codes(one).includes("split-recursive"));
  });

  it("in a namespace that the mesh does not monitor has no effect", () => {
    const one = mesh(namespace("lab", { mesh: false }), split("lab/s", "store", { "store-v2": 1 }));
    assert.equal(one.call("shop/client", get), "50% 200 shop/v1, 50% 200 shop/v2");
  });
});
