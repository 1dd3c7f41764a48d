/** What Egress objects let an application reach outside the mesh, and what they do not (dataplane spec 2.14, 2.18). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileObjects } from "./compiled.ts";
import {
  addressOf,
  type EgressOptions,
  egress,
  meshConfig,
  namespace,
  PERMISSIVE,
  pod,
  type RawObject,
  routes,
  SMI,
  service,
} from "./objects.ts";
import { world } from "./world.ts";

const OUTSIDE = [
  namespace("out", { mesh: false }),
  ...["site", "other"].flatMap((name) => [
    pod(`out/${name}`, { sidecar: false }),
    service(`out/${name}`, [
      { name: "http", port: 80 },
      { name: "https", port: 443 },
      { name: "db", port: 5432 },
    ]),
  ]),
];
const SHOP = [SMI, namespace("shop"), pod("shop/web"), pod("shop/api"), ...OUTSIDE];

const site = (port: number) => `http://site.out:${port}/get`;
const rangeOf = (name: string) => `${addressOf(172, `service out/${name}`)}/32`;
const from = ["shop/web"];

function shop(...objects: readonly RawObject[]) {
  return world(...SHOP, ...objects);
}

function codes(objects: readonly RawObject[]): readonly string[] {
  return shop(...objects).findings.map(({ code, about, path }) => `${code} ${about.namespace}/${about.name} ${path}`);
}

describe("egress to http ports", () => {
  const open = egress("shop/e", { from, hosts: ["site.out"], ports: { 80: "http" } });

  it("E3, E4, E5: reaches the host that is listed, for its source alone", () => {
    assert.equal(shop().call("shop/web", `GET ${site(80)}`), "refused");
    assert.equal(shop(open).call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(shop(open).call("shop/api", `GET ${site(80)}`), "refused");
  });

  it("reaches no other host, port or protocol", () => {
    assert.equal(shop(open).call("shop/web", "GET http://other.out/get"), "404 by client");
    assert.equal(shop(open).call("shop/web", `GET ${site(443)}`), "closed");
    assert.equal(shop(open).call("shop/web", "tcp://site.out:80"), "closed");
    assert.equal(shop(open).call("shop/web", "tls://site.out:80"), "closed");
  });

  it("goes to the host that the request names, whatever was dialled", () => {
    const mesh = shop(open);
    const [ending] = mesh.endings("shop/web", "GET http://other.out/get", { host: "site.out" });
    assert.equal(ending?.text, "200 out/site");
    const cluster = mesh.configs.get("shop/web")?.clusters.find(({ name }) => name === "site.out:80");
    assert.equal(cluster?.altStatName, "site_out_80");
  });

  it("E10, E11: allows the requests of its route groups alone", () => {
    const limited = egress("shop/e", { from, hosts: ["site.out"], ports: { 80: "http" }, routes: ["g"] });
    const group = routes("shop/g", { get: { pathRegex: "/get", methods: ["GET"] } });
    const mesh = shop(limited, group);
    assert.equal(mesh.call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(mesh.call("shop/web", "GET http://site.out/status/200"), "404 by client");
    assert.equal(mesh.call("shop/web", `POST ${site(80)}`), "404 by client");
    assert.equal(shop(limited).call("shop/web", `GET ${site(80)}`), "404 by client");
    assert.deepEqual(codes([limited]), ["egress-routes-missing shop/e spec.matches[0].name"]);
  });

  it("keeps to its address ranges, which OSM did not", () => {
    const near = egress("shop/e", { from, hosts: ["site.out"], ports: { 80: "http" }, ranges: [rangeOf("site")] });
    assert.equal(shop(near).call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(shop(near).call("shop/web", "GET http://other.out/get", { host: "site.out" }), "closed");
    const far = egress("shop/e", { from, hosts: ["site.out"], ports: { 80: "http" }, ranges: ["10.9.0.0/16"] });
    assert.equal(shop(far).call("shop/web", `GET ${site(80)}`), "closed");
  });

  it("takes a pattern as a host", () => {
    const below = egress("shop/e", { from, hosts: ["*.out"], ports: { 80: "http" } });
    assert.equal(shop(below).call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(shop(below).call("shop/web", "GET http://other.out/get"), "200 out/other");
    assert.equal(shop(below).call("shop/web", `GET ${site(80)}`, { host: "site.in" }), "404 by client");
  });

  it("unites the objects of one port, and gives a host to the oldest", () => {
    const mesh = (...two: readonly EgressOptions[]) => shop(...two.map((one, i) => egress(`shop/e${i}`, one)));
    const one = { from, hosts: ["site.out"], ports: { 80: "http" }, routes: ["g"] };
    const group = routes("shop/g", { get: { pathRegex: "/get" } });
    const united = mesh(one, { from, hosts: ["other.out"], ports: { 80: "http" } });
    assert.equal(united.call("shop/web", "GET http://other.out/x"), "200 out/other");
    const younger = egress("shop/a", {
      from,
      hosts: ["site.out"],
      ports: { 80: "http" },
      createdAt: "2024-01-02T00:00:00Z",
    });
    const older = egress("shop/b", { ...one, createdAt: "2024-01-01T00:00:00Z" });
    assert.equal(shop(younger, older, group).call("shop/web", "GET http://site.out/x"), "404 by client");
    assert.deepEqual(codes([younger, older, group]), ["egress-conflict shop/a spec.hosts[0]"]);
  });

  it("refuses an object without hosts", () => {
    const none = egress("shop/e", { from, ports: { 80: "http" } });
    assert.equal(shop(none).call("shop/web", `GET ${site(80)}`), "refused");
    assert.deepEqual(codes([none]), ["egress-hosts-missing shop/e spec.hosts"]);
  });
});

describe("egress to https ports", () => {
  const open = egress("shop/e", { from, hosts: ["site.out", "*.example.org"], ports: { 443: "https" } });

  it("E6, E7: passes TLS on to the server names that are listed", () => {
    assert.equal(shop(open).call("shop/web", "tls://site.out:443"), "open out/site");
    assert.equal(shop(open).call("shop/web", "tls://site.out:443", { host: "www.example.org" }), "open out/site");
    assert.equal(shop(open).call("shop/web", "tls://site.out:443", { host: "example.org" }), "closed");
    assert.equal(shop(open).call("shop/web", "tls://other.out:443"), "closed");
    assert.equal(shop(open).call("shop/api", "tls://site.out:443"), "refused");
  });

  it("passes nothing else there", () => {
    assert.equal(shop(open).call("shop/web", "tcp://site.out:443"), "closed");
    assert.equal(shop(open).call("shop/web", `GET ${site(443)}`), "closed");
  });

  it("K1: passes TLS to an address, with no host listed", () => {
    const api = egress("shop/e", { from, ranges: [rangeOf("site")], ports: { 443: "https" } });
    assert.equal(shop(api).call("shop/web", "tls://site.out:443", { host: "kubernetes" }), "open out/site");
    assert.equal(shop(api).call("shop/web", "tcp://site.out:443"), "closed");
    assert.equal(shop(api).call("shop/web", "tls://other.out:443"), "closed");
  });
});

describe("egress to tcp ports", () => {
  it("E8, E9: opens a port to every address", () => {
    const open = egress("shop/e", { from, ports: { 443: "tcp" } });
    assert.equal(shop(open).call("shop/web", "tcp://site.out:443"), "open out/site");
    assert.equal(shop(open).call("shop/web", "tls://other.out:443"), "open out/other");
    assert.equal(shop(open).call("shop/web", "tcp://site.out:5432"), "closed");
    assert.equal(shop(open).call("shop/api", "tcp://site.out:443"), "refused");
  });

  it("keeps to its address ranges", () => {
    const open = egress("shop/e", { from, ranges: [rangeOf("site")], ports: { 5432: "tcp-server-first" } });
    assert.equal(shop(open).call("shop/web", "tcp://site.out:5432"), "open out/site");
    assert.equal(shop(open).call("shop/web", "tcp://other.out:5432"), "closed");
  });

  it("opens nothing for IPv6 ranges alone, and says so", () => {
    const six = egress("shop/e", { from, ranges: ["fd00::/8"], ports: { 5432: "tcp" } });
    assert.equal(shop(six).call("shop/web", "tcp://site.out:5432"), "refused");
    assert.deepEqual(codes([six]), ["range-ipv6 shop/e spec.ipAddresses[0]"]);
  });

  it("says that hosts do not narrow it", () => {
    const named = egress("shop/e", { from, hosts: ["site.out"], ports: { 5432: "tcp" } });
    assert.deepEqual(codes([named]), ["egress-hosts-unused shop/e spec.hosts"]);
  });
});

describe("several Egress objects on one port", () => {
  it("takes nothing away with a narrower range", () => {
    const wide = egress("shop/wide", { from, hosts: ["site.out"], ports: { 443: "https" } });
    const narrow = egress("shop/narrow", {
      from,
      hosts: ["db.out"],
      ranges: [rangeOf("site")],
      ports: { 443: "https" },
    });
    const mesh = shop(wide, narrow);
    assert.equal(mesh.call("shop/web", "tls://site.out:443"), "open out/site");
    assert.equal(mesh.call("shop/web", "tls://site.out:443", { host: "db.out" }), "open out/site");
    assert.equal(mesh.call("shop/web", "tls://other.out:443", { host: "db.out" }), "closed");
    assert.equal(mesh.call("shop/web", "tls://other.out:443", { host: "site.out" }), "open out/other");
  });

  it("has HTTP by its rules and all else by the tcp port's, at one range", () => {
    const http = egress("shop/http", { from, hosts: ["site.out"], ports: { 80: "http" } });
    const tcp = egress("shop/tcp", { from, ports: { 80: "tcp" } });
    const mesh = shop(http, tcp);
    assert.equal(mesh.call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(mesh.call("shop/web", "GET http://other.out/get"), "404 by client");
    assert.equal(mesh.call("shop/web", "tcp://site.out:80"), "open out/site");
    assert.equal(mesh.call("shop/web", "tls://site.out:80"), "open out/site");
  });

  it("has the tcp port's rule where its range is the narrower", () => {
    const http = egress("shop/http", { from, hosts: ["site.out"], ports: { 80: "http" } });
    const tcp = egress("shop/tcp", { from, ranges: [rangeOf("other")], ports: { 80: "tcp" } });
    const mesh = shop(http, tcp);
    assert.equal(mesh.call("shop/web", "GET http://other.out/get"), "200 out/other");
    assert.equal(mesh.call("shop/web", `GET ${site(80)}`, { host: "other.out" }), "404 by client");
  });

  it("gives each its own limits on one port", () => {
    const named = { kind: "UpstreamTrafficSetting", apiVersion: "policy.openservicemesh.io/v1alpha1" };
    const setting: RawObject = {
      ...named,
      metadata: { namespace: "shop", name: "few" },
      spec: { host: "site.out", connectionSettings: { tcp: { maxConnections: 1 } } },
    };
    const limited = egress("shop/a", { from, hosts: ["site.out"], ports: { 443: "https" }, setting: "few" });
    const free = egress("shop/b", { from, hosts: ["other.out"], ports: { 443: "https" } });
    const clusters = (...objects: readonly RawObject[]) =>
      shop(setting, ...objects)
        .configs.get("shop/web")
        ?.clusters.map(({ name, circuitBreakers }) => [name, circuitBreakers?.thresholds[0]?.maxConnections]);
    assert.deepEqual(clusters(limited), [["443", 1]]);
    assert.deepEqual(clusters(limited, free), [
      ["443", 2 ** 32 - 1],
      ["443|shop/few", 1],
    ]);
    const again = egress("shop/c", { from, hosts: ["site.out"], ports: { 443: "https" } });
    assert.deepEqual(codes([setting, limited, again]), ["egress-conflict shop/c spec.matches"]);
    assert.deepEqual(codes([limited]), ["egress-setting-missing shop/a spec.matches[0].name"]);
    assert.equal(shop(limited).call("shop/web", "tls://site.out:443"), "refused");
  });
});

describe("an Egress with limits", () => {
  it("closes connections that are silent for too long", () => {
    const setting: RawObject = {
      kind: "UpstreamTrafficSetting",
      apiVersion: "policy.openservicemesh.io/v1alpha1",
      metadata: { namespace: "shop", name: "quick" },
      spec: { host: "site.out", connectionSettings: { tcp: { idleTimeout: "5s" } } },
    };
    const silences = (...objects: readonly RawObject[]) => {
      const { proxies } = compileObjects([...SHOP, ...objects]).mesh;
      const web = [...proxies.values()].find((one) => one.pod.meta.name === "web");
      return web?.ir.outbound?.egress.map(({ target }) => target.kind !== "http" && target.silence);
    };
    const open = { from, hosts: ["site.out"], ports: { 443: "https", 5432: "tcp" } };
    assert.deepEqual(silences(setting, egress("shop/e", { ...open, setting: "quick" })), [5000, 5000]);
    assert.deepEqual(silences(setting, egress("shop/e", open)), [undefined, undefined]);
  });
});

describe("who may have an Egress at all", () => {
  const open = egress("shop/e", { from, hosts: ["site.out"], ports: { 80: "http" }, routes: ["g"] });

  it("E1: does not look at the objects while egress is open to the whole mesh, and says so", () => {
    const all = meshConfig({ enablePermissiveTrafficPolicyMode: false, enableEgress: true });
    const mesh = world(...SHOP, open, all);
    assert.equal(mesh.call("shop/web", `GET ${site(80)}`), "200 out/site");
    assert.equal(mesh.call("shop/web", "tcp://other.out:5432"), "open out/other");
    assert.deepEqual(
      mesh.findings.map(({ code }) => code),
      ["egress-mesh-wide"],
    );
  });

  it("does not look at objects outside the mesh's namespaces", () => {
    assert.equal(
      shop(egress("out/e", { from, ports: { 80: "tcp" } })).call("shop/web", "tcp://site.out:80"),
      "refused",
    );
  });

  it("does not look at them where the feature flag is off, and says so", () => {
    const off: RawObject = { ...PERMISSIVE, spec: { featureFlags: { enableEgressPolicy: false } } };
    const mesh = world(...SHOP, open, off);
    assert.equal(mesh.call("shop/web", `GET ${site(80)}`), "refused");
    assert.deepEqual(
      mesh.findings.map(({ code }) => code),
      ["policy-disabled"],
    );
  });
});
