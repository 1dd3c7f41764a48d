/** Services: names, ports, protocols, headless ones, and pods that several lead to (dataplane spec 2.2 to 2.7). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  addressOf,
  endpoints,
  namespace,
  PERMISSIVE,
  type PortOptions,
  pod,
  type RawObject,
  routes,
  SMI,
  service,
  target,
} from "./objects.ts";
import { world } from "./world.ts";

const base = [PERMISSIVE, namespace("shop"), namespace("away"), pod("shop/client"), pod("away/client")];

function mesh(...objects: readonly RawObject[]) {
  return world(...base, ...objects);
}

function codes({ findings }: ReturnType<typeof world>): readonly string[] {
  return findings.map(({ code }) => code);
}

describe("host names", () => {
  const web = mesh(pod("shop/web"), service("shop/web", 8080));
  const at = (from: string, host: string) => web.call(from, "GET http://web.shop:8080/", { host });
  const qualified = ["web.shop", "web.shop.svc", "web.shop.svc.cluster", "web.shop.svc.cluster.local"];

  for (const name of qualified) {
    it(`${name} is known everywhere, with and without the port`, () => {
      for (const from of ["shop/client", "away/client"]) {
        assert.equal(at(from, name), "200 shop/web");
        assert.equal(at(from, `${name}:8080`), "200 shop/web");
      }
    });
  }

  it("the short name is known in the service's own namespace alone", () => {
    assert.equal(at("shop/client", "web"), "200 shop/web");
    assert.equal(at("shop/client", "web:8080"), "200 shop/web");
    assert.equal(at("away/client", "web"), "404 by client");
  });

  it("no address, other port or foreign name is one", () => {
    for (const host of ["web.shop:80", "web.away", addressOf(172, "service shop/web"), "example.org"]) {
      assert.equal(at("shop/client", host), "404 by client", host);
    }
  });
});

describe("protocols", () => {
  const carried = (port: PortOptions) => {
    const one = mesh(pod("shop/s"), service("shop/s", [port]));
    return {
      http: one.call("shop/client", `GET http://s:${port.port}/`),
      tcp: one.call("shop/client", `tcp://s:${port.port}`),
    };
  };
  const http = { http: "200 shop/s", tcp: "400 by client" };
  const tcp = { http: "200 shop/s", tcp: "open shop/s" };
  // No other service is there, so the client has no outbound listener at all.
  const nothing = { http: "refused", tcp: "refused" };

  for (const [what, port, expected] of [
    ["appProtocol decides over the name", { port: 1, name: "http-x", appProtocol: "tcp" }, tcp],
    ["appProtocol in any case", { port: 1, appProtocol: "HTTP" }, http],
    ["gRPC is HTTP", { port: 1, appProtocol: "grpc" }, http],
    ["a name's prefix: http", { port: 1, name: "http-x" }, http],
    ["a name's prefix: grpc", { port: 1, name: "grpc-x" }, http],
    ["a name's prefix: tcp", { port: 1, name: "tcp-x" }, tcp],
    ["a name's prefix: tcp-server-first", { port: 1, name: "tcp-server-first-x" }, tcp],
    ["a prefix needs its dash", { port: 1, name: "tcp" }, http],
    ["nothing written is HTTP", { port: 1, name: "x" }, http],
    ["TLS of the application's own is carried as bytes", { port: 1, appProtocol: "https" }, tcp],
    ["HTTP/2 as Gateway API spells it", { port: 1, appProtocol: "kubernetes.io/h2c" }, http],
    ["what the mesh cannot carry has no chain", { port: 1, appProtocol: "redis" }, nothing],
    ["a word of JavaScript is no protocol", { port: 1, appProtocol: "constructor" }, nothing],
    ["UDP has no chain", { port: 1, protocol: "UDP" }, nothing],
  ] as const) {
    it(`${what}: ${JSON.stringify(port)}`, () => assert.deepEqual(carried(port), expected));
  }

  it("nobody waits for the client's first bytes on ports where the server speaks first", () => {
    const db = mesh(pod("shop/db"), service("shop/db", [{ port: 3306, appProtocol: "tcp-server-first" }]));
    const listener = db.configs.get("shop/client")?.listeners.find(({ name }) => name === "outbound-listener");
    const disabled = listener?.listenerFilters.map(({ name, filterDisabled }) => [name, filterDisabled?.rule.value]);
    const range = { start: 3306, end: 3307 };
    for (const [name, value] of disabled ?? []) {
      if (name === "original_dst") assert.equal(value, undefined);
      else assert.deepEqual(pick(value), range, String(name));
    }
    assert.equal(disabled?.length, 3);
  });

  it("says so where an unmarked port looks like a database", () => {
    const db = mesh(pod("shop/db"), service("shop/db", [{ port: 3306 }]));
    assert.ok(codes(db).includes("port-protocol-assumed"));
  });
});

function pick(value: unknown): unknown {
  const { start, end } = value as { start: number; end: number };
  return { start, end };
}

describe("ports", () => {
  it("of one Service lead to their own target ports", () => {
    const ports = [
      { name: "http-a", port: 80, targetPort: 8080 },
      { name: "tcp-b", port: 90, targetPort: 9090 },
    ];
    const two = mesh(pod("shop/s"), service("shop/s", ports));
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.equal(two.call("shop/client", "tcp://s:90"), "open shop/s");
    assert.equal(two.call("shop/client", "GET http://s:8080/"), "closed");
    assert.deepEqual(clustersOf(two, "shop/s"), [
      "shop/s|8080",
      "shop/s|8080|local",
      "shop/s|9090",
      "shop/s|9090|local",
    ]);
  });

  it("may share a target port", () => {
    const ports = [
      { name: "http-a", port: 80, targetPort: 8080 },
      { name: "http-b", port: 81, targetPort: 8080 },
    ];
    const two = mesh(pod("shop/s"), service("shop/s", ports));
    // The second has the first's protocol, so one chain serves both.
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.equal(two.call("shop/client", "GET http://s:81/"), "200 shop/s");
  });

  it("that lead to one target port as HTTP and as TCP are told of, and the first counts", () => {
    const ports = [
      { name: "http-a", port: 80, targetPort: 8080 },
      { name: "tcp-b", port: 81, targetPort: 8080 },
    ];
    const two = mesh(pod("shop/s"), service("shop/s", ports));
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.ok(codes(two).includes("inbound-conflict"));
  });

  it("may be named in the pod", () => {
    const app = pod("shop/s", { ports: [{ name: "web", containerPort: 5678 }] });
    const named = mesh(app, service("shop/s", [{ name: "http-a", port: 80, targetPort: "web" }]));
    assert.equal(named.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.ok(clustersOf(named, "shop/client").includes("shop/s|5678"));
  });

  it("may be named, and be another number in each pod: during an update", () => {
    const labels = { app: "s" };
    const named = mesh(
      pod("shop/old", { labels, ports: [{ name: "web", containerPort: 5678 }] }),
      pod("shop/new", { labels, ports: [{ name: "web", containerPort: 8765 }] }),
      service("shop/s", [{ name: "http-a", port: 80, targetPort: "web" }]),
    );
    assert.equal(named.call("shop/client", "GET http://s/"), "50% 200 shop/new, 50% 200 shop/old");
  });

  it("are HTTP for one Service and TCP for another on the same pod: each by its own name", () => {
    const both = mesh(
      pod("shop/s"),
      service("shop/s", [{ name: "http-a", port: 80, targetPort: 8080 }]),
      service("shop/raw", [{ name: "tcp-a", port: 81, targetPort: 8080 }], { selector: { app: "s" } }),
    );
    assert.equal(both.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.equal(both.call("shop/client", "tcp://raw:81"), "open shop/s");
  });
});

function clustersOf(one: ReturnType<typeof world>, proxy: string): readonly string[] {
  return (one.configs.get(proxy)?.clusters ?? []).map(({ name }) => name).sort();
}

describe("several Services on one pod", () => {
  it("all work, on one target port too", () => {
    const selector = { app: "s" };
    const two = mesh(pod("shop/s"), service("shop/s", 80), service("shop/t", 80, { selector }));
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.equal(two.call("shop/client", "GET http://t/"), "200 shop/s");
    assert.equal(two.call("shop/client", "GET http://s/", { host: "t" }), "200 shop/s");
  });

  it("work if they are headless and so share addresses and port (OSM refused the whole listener)", () => {
    const options = { selector: { app: "s" }, headless: true };
    const two = mesh(pod("shop/s"), service("shop/s", 80, options), service("shop/t", 80, options));
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.equal(two.call("shop/client", "GET http://t/"), "200 shop/s");
  });

  it("that share addresses and port with different protocols are told of", () => {
    const options = { selector: { app: "s" }, headless: true };
    const raw = service("shop/t", [{ port: 80, appProtocol: "tcp" }], options);
    const two = mesh(pod("shop/s"), service("shop/s", 80, options), raw);
    assert.equal(two.call("shop/client", "GET http://s/"), "200 shop/s");
    assert.ok(codes(two).includes("address-conflict"));
  });
});

describe("headless Services", () => {
  const replica = (i: number, service = "db") =>
    pod(`shop/${service}-${i}`, {
      labels: { app: service },
      account: service,
      hostname: `${service}-${i}`,
      subdomain: service,
    });

  it("without host names spread over the pods that clients dial", () => {
    const labels = { app: "s" };
    const plain = mesh(
      pod("shop/s1", { labels }),
      pod("shop/s2", { labels }),
      service("shop/s", 80, { headless: true }),
    );
    assert.equal(plain.call("shop/client", "GET http://s/"), "50% 200 shop/s1, 50% 200 shop/s2");
  });

  it("of a StatefulSet lead to each pod by its name, over HTTP", () => {
    const set = mesh(replica(0), replica(1), service("shop/db", 80, { headless: true }));
    assert.equal(set.call("shop/client", "GET http://db-0.db/"), "200 shop/db-0");
    assert.equal(set.call("away/client", "GET http://db-1.db.shop.svc.cluster.local/"), "200 shop/db-1");
    assert.equal(set.call("shop/client", "GET http://db.shop/"), "50% 200 shop/db-0, 50% 200 shop/db-1");
  });

  it("of a StatefulSet lead to each pod by its address, over TCP", () => {
    const set = mesh(replica(0), replica(1), service("shop/db", [{ name: "tcp-x", port: 5432 }], { headless: true }));
    assert.equal(set.call("shop/client", "tcp://db-0.db:5432"), "open shop/db-0");
    assert.equal(set.call("shop/client", "tcp://db:5432"), "50% open shop/db-0, 50% open shop/db-1");
  });

  for (const [protocol, request, answer] of [
    ["http", "GET http://db:80/", "200"],
    ["tcp", "tcp://db:80", "open"],
  ] as const) {
    it(`reach the pods without a host name beside those with one (${protocol})`, () => {
      const extra = pod("shop/extra", { labels: { app: "db" }, account: "db" });
      const ports = [{ port: 80, appProtocol: protocol }];
      const set = mesh(replica(0), extra, service("shop/db", ports, { headless: true }));
      const ip = addressOf(10, "pod shop/extra");
      const seen = set.call("shop/client", request.replace("//db", `//${ip}`), { host: "db" });
      assert.ok(seen.includes(`${answer} shop/extra`), seen);
    });
  }

  it("under TrafficTargets let each pod's name through to the same account", () => {
    const set = world(
      SMI,
      namespace("shop"),
      pod("shop/client"),
      replica(0),
      replica(1),
      service("shop/db", 80, { headless: true }),
      routes("shop/g", { any: {} }),
      target("shop/t", { to: "db", from: ["shop/client"], http: { g: ["any"] } }),
    );
    assert.equal(set.call("shop/client", "GET http://db-1.db/"), "200 shop/db-1");
  });
});

describe("Services without ready pods", () => {
  it("answer 503, scaled to zero or not ready", () => {
    assert.equal(mesh(service("shop/s", 80)).call("shop/client", "GET http://s/"), "503 by client");
    const waking = mesh(pod("shop/s", { ready: false }), service("shop/s", 80));
    assert.equal(waking.call("shop/client", "GET http://s/"), "503 by client");
    const raw = service("shop/s", [{ name: "tcp-x", port: 80 }]);
    assert.equal(mesh(raw).call("shop/client", "tcp://s:80"), "closed");
  });

  it("send to ready pods alone", () => {
    const labels = { app: "s" };
    const one = mesh(pod("shop/s1", { labels }), pod("shop/s2", { labels, ready: false }), service("shop/s", 80));
    assert.equal(one.call("shop/client", "GET http://s/"), "200 shop/s1");
  });
});

describe("Services without a selector", () => {
  const ip = addressOf(10, "pod shop/s");
  const manual = service("shop/manual", [{ name: "", port: 80 }], { selector: null });

  it("are part of the mesh if all of their addresses are pods of their namespace", () => {
    const one = mesh(pod("shop/s"), manual, endpoints("shop/manual", [ip], 80));
    assert.equal(one.call("shop/client", "GET http://manual/"), "200 shop/s");
  });

  it("lead to the port that their endpoints name", () => {
    const one = mesh(pod("shop/s"), manual, endpoints("shop/manual", [ip], 8080));
    assert.equal(one.call("shop/client", "GET http://manual/"), "200 shop/s");
  });

  it("are left out otherwise, and said so", () => {
    const one = mesh(pod("shop/s"), manual, endpoints("shop/manual", [ip, "203.0.113.9"], 80));
    assert.equal(one.call("shop/client", "GET http://manual/"), "refused");
    assert.ok(codes(one).includes("service-without-selector"));
  });

  // Whoever may write Services in one namespace must not add a chain, let alone one without routes, to another's pods.
  it("cannot open pods of another namespace", () => {
    const hijack = [
      service("away/hijack", [{ name: "", port: 80, appProtocol: "tcp" }], { selector: null }),
      endpoints("away/hijack", [ip], 80),
    ];
    const any = routes("shop/g", { read: { pathRegex: "/read" } });
    const reader = target("shop/t", { to: "s", from: ["away/client"], http: { g: ["read"] } });
    const smi = [SMI, ...base.slice(1), pod("shop/s"), service("shop/s", 80), any, reader];
    const mesh = world(...smi, ...hijack);
    const sni = "hijack.away.svc.cluster.local";
    assert.equal(mesh.intrude("away/client", "shop/s", sni, "GET http://s.shop/admin"), "closed");
    assert.equal(mesh.call("away/client", "GET http://s.shop/read"), "200 shop/s");
    assert.equal(mesh.call("away/client", "GET http://s.shop/admin"), "404 by server");
  });
});
