/** Permissive mode, SMI mode, and who is left out of the mesh (dataplane spec 2.8, 2.20). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  addressOf,
  meshConfig,
  namespace,
  PERMISSIVE,
  pod,
  routes,
  SMI,
  service,
  target,
  tcpRoute,
} from "./objects.ts";
import { world } from "./world.ts";

const shop = [
  namespace("shop"),
  pod("shop/client"),
  pod("shop/other"),
  pod("shop/web"),
  service("shop/web", 80),
  pod("shop/echo"),
  service("shop/echo", [{ name: "tcp-echo", port: 9000 }]),
];
const read = routes("shop/web", { read: { pathRegex: "/books", methods: ["GET"] } });
const clientMayRead = target("shop/web", { to: "web", from: ["shop/client"], http: { web: ["read"] } });

describe("permissive mode", () => {
  const mesh = world(PERMISSIVE, ...shop);

  it("lets everybody in the mesh call everybody, whatever the path", () => {
    assert.equal(mesh.call("shop/client", "GET http://web/books"), "200 shop/web");
    assert.equal(mesh.call("shop/other", "DELETE http://web.shop.svc.cluster.local/any?q=1"), "200 shop/web");
    assert.equal(mesh.call("shop/client", "tcp://echo:9000"), "open shop/echo");
  });

  it("ignores TrafficTargets", () => {
    const targeted = world(PERMISSIVE, ...shop, read, clientMayRead);
    assert.equal(targeted.call("shop/other", "POST http://web/elsewhere"), "200 shop/web");
  });

  it("closes connections to anything that is not in the mesh while egress is off", () => {
    assert.equal(mesh.call("shop/client", "GET http://203.0.113.9/"), "closed");
  });

  it("passes them on in clear text while egress is on", () => {
    const open = meshConfig({ enablePermissiveTrafficPolicyMode: true, enableEgress: true });
    assert.equal(world(open, ...shop).call("shop/client", "GET http://203.0.113.9/"), "200 outside");
  });

  it("is what a mesh without a MeshConfig does, with egress on", () => {
    const mesh = world(...shop);
    assert.equal(mesh.call("shop/client", "GET http://web/books"), "200 shop/web");
    assert.equal(mesh.call("shop/client", "GET http://203.0.113.9/"), "200 outside");
  });
});

describe("SMI mode", () => {
  const mesh = world(SMI, ...shop, read, clientMayRead);

  it("allows what a TrafficTarget allows", () => {
    assert.equal(mesh.call("shop/client", "GET http://web/books"), "200 shop/web");
  });

  it("answers 404 from the server's sidecar to another path or method", () => {
    assert.equal(mesh.call("shop/client", "GET http://web/admin"), "404 by server");
    assert.equal(mesh.call("shop/client", "POST http://web/books"), "404 by server");
  });

  it("answers 404 from the client's sidecar to a host that it does not know", () => {
    assert.equal(mesh.call("shop/client", "GET http://web/books", { host: "example.org" }), "404 by client");
  });

  it("refuses all connections of an account that is in no TrafficTarget, while egress is off", () => {
    assert.equal(mesh.call("shop/other", "GET http://web/books"), "refused");
    assert.equal(mesh.call("shop/other", "tcp://echo:9000"), "refused");
  });

  it("closes connections to services that the account may not reach, if it may reach some", () => {
    assert.equal(mesh.call("shop/client", "tcp://echo:9000"), "closed");
  });

  it("closes them at the server, while egress is on", () => {
    const open = meshConfig({ enablePermissiveTrafficPolicyMode: false, enableEgress: true });
    assert.equal(world(open, ...shop).call("shop/other", "GET http://web/books"), "closed");
  });

  it("answers 403 to an account that may use other paths of the same server", () => {
    const more = routes("shop/more", { write: { pathRegex: "/write" } });
    const other = target("shop/other", { to: "web", from: ["shop/other"], http: { more: ["write"] } });
    const both = world(SMI, ...shop, read, clientMayRead, more, other);
    assert.equal(both.call("shop/other", "GET http://web/books"), "403 by server");
    assert.equal(both.call("shop/other", "GET http://web/write"), "200 shop/web");
  });

  it("breaks the connection of the right account to the wrong port at layer 4", () => {
    const only9001 = tcpRoute("shop/p", [9001]);
    const narrow = target("shop/echo", { to: "echo", from: ["shop/client"], tcp: ["p"] });
    const mesh = world(SMI, ...shop, only9001, narrow);
    assert.equal(mesh.call("shop/client", "tcp://echo:9000"), "closed");
  });
});

describe("the edge of the mesh", () => {
  for (const [name, mode] of [
    ["permissive", PERMISSIVE],
    ["SMI", SMI],
  ] as const) {
    it(`closes what a client without a sidecar sends to a server with one (${name})`, () => {
      const outsider = [namespace("lab", { mesh: false }), pod("lab/curl", { sidecar: false })];
      const mesh = world(mode, ...shop, read, clientMayRead, ...outsider);
      assert.equal(mesh.call("lab/curl", "GET http://web.shop/books"), "closed");
    });
  }

  it("does not configure pods of namespaces that the mesh does not monitor, even with a proxy's label", () => {
    const mesh = world(PERMISSIVE, ...shop, namespace("lab", { mesh: false }), pod("lab/web"), service("lab/web", 80));
    assert.equal(mesh.configs.has("lab/web"), false);
    assert.equal(mesh.call("shop/client", "GET http://web.lab/"), "closed");
  });

  it("takes a pod that lives for the owner of an address, not one that is going away", () => {
    const leaving = pod("shop/zombie", { ip: addressOf(10, "pod shop/web"), labels: { app: "web" }, ready: false });
    const metadata = { ...(leaving["metadata"] as object), deletionTimestamp: "2026-01-01T00:00:00Z" };
    const bare = pod("shop/bare", { sidecar: false, ip: addressOf(10, "pod shop/web") });
    const going = {
      ...bare,
      metadata: { ...(bare["metadata"] as object), name: "zz", deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    const mesh = world(PERMISSIVE, ...shop, { ...leaving, metadata }, going);
    const endpoints = mesh.configs
      .get("shop/client")
      ?.endpoints.find(({ clusterName }) => clusterName === "shop/web|80");
    assert.equal(endpoints?.endpoints[0]?.lbEndpoints.length, 1);
  });

  it("serves statistics of the pods alone that ask for it", () => {
    const labels = { app: "web" };
    const scraped = pod("shop/scraped", { account: "web", labels, annotations: { "prometheus.io/scrape": "true" } });
    const mesh = world(PERMISSIVE, ...shop, scraped);
    const listens = (name: string) =>
      mesh.configs.get(name)?.listeners.some((one) => one.name === "inbound-prometheus-listener");
    assert.deepEqual([listens("shop/scraped"), listens("shop/web")], [true, false]);
  });

  it("does not send to pods without a sidecar, which could not answer mutual TLS", () => {
    const bare = pod("shop/bare", { sidecar: false, labels: { app: "web" } });
    const mesh = world(PERMISSIVE, ...shop, bare);
    assert.equal(mesh.call("shop/client", "GET http://web/"), "200 shop/web");
    assert.ok(mesh.findings.some(({ code }) => code === "service-pod-without-sidecar"));
  });
});
