/** TrafficTarget, HTTPRouteGroup, TCPRoute: who may do what (dataplane spec 2.9, 2.10, 8). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  meshConfig,
  namespace,
  PERMISSIVE,
  pod,
  type RawObject,
  routes,
  SMI,
  service,
  type TargetOptions,
  target,
  tcpRoute,
} from "./objects.ts";
import { world } from "./world.ts";

const shop = [
  namespace("shop"),
  pod("shop/a"),
  pod("shop/b"),
  pod("shop/web", { ports: [{ containerPort: 80 }, { containerPort: 9000 }] }),
  service("shop/web", [
    { name: "http-main", port: 80 },
    { name: "tcp-raw", port: 9000 },
  ]),
];
const group = routes("shop/g", {
  list: { pathRegex: "/books", methods: ["GET"] },
  item: { pathRegex: "/books/[0-9]+", methods: ["GET", "DELETE"] },
  any: {},
  tagged: { pathRegex: "/tagged", headers: [{ "x-tag": "v[12]" }, { "user-agent": ".*curl.*" }] },
  hosted: { pathRegex: "/hosted", headers: [{ host: "web.shop" }] },
});

function smi(...targets: readonly RawObject[]) {
  return world(SMI, ...shop, group, ...targets);
}

function toWeb(options: Omit<TargetOptions, "to" | "from"> & { readonly from?: readonly string[] }, name = "t") {
  return target(`shop/${name}`, { to: "web", from: ["shop/a"], ...options });
}

function codes(mesh: ReturnType<typeof world>): readonly string[] {
  return mesh.findings.map(({ code }) => code);
}

describe("HTTP matches", () => {
  const mesh = smi(toWeb({ http: { g: ["item", "tagged", "hosted"] } }));
  const call = (request: string, headers = {}) => mesh.call("shop/a", request, { headers });

  it("match the entire path, without the query", () => {
    assert.equal(call("GET http://web/books/7?verbose=1"), "200 shop/web");
    assert.equal(call("GET http://web/books/7/pages"), "404 by server");
    assert.equal(call("GET http://web/old/books/7"), "404 by server");
  });

  it("take any of the methods listed, and no other", () => {
    assert.equal(call("DELETE http://web/books/7"), "200 shop/web");
    assert.equal(call("PUT http://web/books/7"), "404 by server");
  });

  it("need all of their headers, each as a whole value", () => {
    const agent = { "user-agent": "curl/8" };
    assert.equal(call("GET http://web/tagged", { ...agent, "x-tag": "v2" }), "200 shop/web");
    assert.equal(call("GET http://web/tagged", { ...agent, "x-tag": "v20" }), "404 by server");
    assert.equal(call("GET http://web/tagged", agent), "404 by server");
  });

  it("compare `host` with the authority, port included", () => {
    assert.equal(call("GET http://web.shop/hosted"), "200 shop/web");
    const withPort = mesh.call("shop/a", "GET http://web.shop/hosted", { host: "web.shop:80" });
    assert.equal(withPort, "404 by server");
  });

  it("take every path and method if they name neither", () => {
    assert.equal(smi(toWeb({ http: { g: ["any"] } })).call("shop/a", "PATCH http://web/x/y"), "200 shop/web");
  });
});

describe("a TrafficTarget grants nothing", () => {
  const get = "GET http://web/books";
  const none = (...objects: readonly RawObject[]) => smi(...objects).call("shop/a", get);

  it("over HTTP, if a rule lists no matches", () => {
    const mesh = smi(toWeb({ http: { g: undefined } }));
    assert.equal(mesh.call("shop/a", get), "404 by server");
    assert.ok(codes(mesh).includes("target-matches-omitted"));
  });

  it("for a match that the group does not have, and says so", () => {
    const mesh = smi(toWeb({ http: { g: ["list", "lost"] } }));
    assert.equal(mesh.call("shop/a", get), "200 shop/web");
    assert.ok(codes(mesh).includes("route-match-missing"));
  });

  it("for a group that does not exist, or is in another namespace", () => {
    assert.equal(none(toWeb({ http: { gone: ["list"] } })), "404 by server");
    const away = routes("away/far", { list: { pathRegex: "/books" } });
    assert.equal(none(namespace("away"), away, toWeb({ http: { far: ["list"] } })), "404 by server");
  });

  it("if it lives in another namespace than its destination", () => {
    const stray = {
      ...toWeb({ http: { g: ["list"] } }),
      metadata: { namespace: "away", name: "t" },
    };
    assert.equal(none(namespace("away"), stray), "refused");
  });

  it("if one of its rules is of an unknown kind", () => {
    const good = toWeb({ http: { g: ["list"] } }) as RawObject & { spec: { rules: readonly object[] } };
    const rules = [...good.spec.rules, { kind: "UDPRoute", name: "x" }];
    assert.equal(none({ ...good, spec: { ...good.spec, rules } }), "refused");
  });

  it("to a source that is no service account", () => {
    const good = toWeb({ http: { g: ["list"] } }) as RawObject & { spec: object };
    const sources = [{ kind: "Group", name: "a", namespace: "shop" }];
    assert.equal(none({ ...good, spec: { ...good.spec, sources } }), "refused");
  });

  it("to an account of the same name in another namespace", () => {
    const mesh = world(SMI, ...shop, group, toWeb({ http: { g: ["list"] } }), namespace("else"), pod("else/a"));
    assert.equal(mesh.call("else/a", "GET http://web.shop/books"), "refused");
    assert.equal(mesh.intrude("else/a", "shop/web", SNI, get), "closed");
  });
});

const SNI = "web.shop.svc.cluster.local";

describe("several TrafficTargets on one destination", () => {
  it("unite the sources of equal matches in one route", () => {
    const mesh = smi(
      toWeb({ http: { g: ["list"] } }, "one"),
      toWeb({ from: ["shop/b"], http: { g: ["list"] } }, "two"),
    );
    assert.equal(mesh.call("shop/a", "GET http://web/books"), "200 shop/web");
    assert.equal(mesh.call("shop/b", "GET http://web/books"), "200 shop/web");
    const table = mesh.configs.get("shop/web")?.routes.find(({ name }) => name === "rds-inbound.80");
    assert.equal(table?.virtualHosts[0]?.routes.length, 1);
  });

  // OSM gave 403 or 200 by the order of objects (issue 5297): Envoy takes the first route that matches.
  for (const names of [
    ["one", "two"],
    ["two", "one"],
  ] as const) {
    it(`never shadow each other where their paths overlap (${names.join(", ")})`, () => {
      const overlap = routes("shop/o", {
        api: { pathRegex: "/api/.*" },
        all: { pathRegex: ".*", methods: ["GET"] },
        deep: { pathRegex: "/api/v1/deeper/.*", methods: ["GET"] },
      });
      const mesh = smi(
        overlap,
        toWeb({ http: { o: ["api"] } }, names[0]),
        toWeb({ from: ["shop/b"], http: { o: ["all"] } }, names[1]),
        toWeb({ from: ["shop/c"], http: { o: ["deep"] } }, "three"),
        pod("shop/c"),
      );
      assert.equal(mesh.call("shop/a", "GET http://web/api/x"), "200 shop/web");
      assert.equal(mesh.call("shop/b", "GET http://web/api/x"), "200 shop/web");
      assert.equal(mesh.call("shop/b", "GET http://web/other"), "200 shop/web");
      assert.equal(mesh.call("shop/a", "POST http://web/api/x"), "200 shop/web");
      assert.equal(mesh.call("shop/b", "POST http://web/api/x"), "403 by server");
      assert.equal(mesh.call("shop/a", "GET http://web/other"), "403 by server");
      for (const account of ["a", "b", "c"]) {
        assert.equal(mesh.call(`shop/${account}`, "GET http://web/api/v1/deeper/x"), "200 shop/web", account);
      }
      assert.equal(mesh.call("shop/c", "GET http://web/api/x"), "403 by server");
    });
  }
});

describe("layer 4", () => {
  const ports = (...open: readonly number[]) => tcpRoute("shop/p", open);

  it("opens all TCP ports of the account to sources of a target that has HTTP rules alone", () => {
    assert.equal(smi(toWeb({ http: { g: ["list"] } })).call("shop/a", "tcp://web:9000"), "open shop/web");
  });

  it("is narrowed to the ports of the TCPRoutes, HTTP ports included", () => {
    const narrow = smi(ports(9000), toWeb({ http: { g: ["list"] }, tcp: ["p"] }));
    assert.equal(narrow.call("shop/a", "tcp://web:9000"), "open shop/web");
    assert.equal(narrow.call("shop/a", "GET http://web/books"), "503 by client");
    const both = smi(ports(80, 9000), toWeb({ http: { g: ["list"] }, tcp: ["p"] }));
    assert.equal(both.call("shop/a", "GET http://web/books"), "200 shop/web");
  });

  it("lets requests through to no route, if the target is about TCP alone", () => {
    assert.equal(smi(ports(80), toWeb({ tcp: ["p"] })).call("shop/a", "GET http://web/books"), "404 by server");
  });

  it("takes TCPRoutes in target ports", () => {
    const mapped = service("shop/mapped", [{ name: "tcp-m", port: 1, targetPort: 9000 }], { selector: { app: "web" } });
    const open = (port: number) => world(SMI, ...shop, mapped, ports(port), toWeb({ tcp: ["p"] }));
    assert.equal(open(9000).call("shop/a", "tcp://mapped:1"), "open shop/web");
    assert.equal(open(1).call("shop/a", "tcp://mapped:1"), "closed");
  });

  it("is closed altogether if one TCPRoute of a target is missing", () => {
    const mesh = smi(ports(80, 9000), toWeb({ http: { g: ["list"] }, tcp: ["p", "gone"] }));
    assert.equal(mesh.call("shop/a", "tcp://web:9000"), "closed");
    assert.equal(mesh.call("shop/a", "GET http://web/books"), "503 by client");
    assert.ok(codes(mesh).includes("tcp-route-missing"));
  });

  // OSM's last code had no RBAC on a TCP chain without targets, so any certificate of the mesh would do.
  it("keeps out hand-made clients with a certificate of the mesh where no target is", () => {
    assert.equal(smi().intrude("shop/a", "shop/web", SNI, "tcp://web:9000"), "closed");
    assert.equal(smi().intrude("shop/a", "shop/web", SNI, "GET http://web/books"), "closed");
  });

  it("keeps out accounts that other accounts' targets do not name", () => {
    const mesh = smi(toWeb({ http: { g: ["list"] } }));
    assert.equal(mesh.intrude("shop/b", "shop/web", SNI, "tcp://web:9000"), "closed");
    assert.equal(mesh.intrude("shop/b", "shop/web", SNI, "GET http://web/books"), "closed");
    assert.equal(mesh.intrude("shop/a", "shop/web", SNI, "tcp://web:9000"), "open shop/web");
  });

  it("is open to every certificate of the mesh in permissive mode", () => {
    assert.equal(world(PERMISSIVE, ...shop).intrude("shop/b", "shop/web", SNI, "tcp://web:9000"), "open shop/web");
  });
});

describe("reach", () => {
  it("covers all services of the destination's account, and of those only its own pods", () => {
    const mixed = [
      pod("shop/x1", { account: "x", labels: { app: "mixed" } }),
      pod("shop/y1", { account: "y", labels: { app: "mixed" } }),
      service("shop/mixed", 80),
      service("shop/x-only", 81, { selector: { app: "mixed" } }),
      target("shop/x", { to: "x", from: ["shop/a"], http: { g: ["any"] } }),
    ];
    const mesh = world(SMI, ...shop, group, ...mixed);
    assert.equal(mesh.call("shop/a", "GET http://mixed/"), "200 shop/x1");
    assert.equal(mesh.call("shop/a", "GET http://x-only:81/"), "200 shop/x1");
  });

  it("does not reach pods that another namespace labels alike", () => {
    const twin = [namespace("evil"), pod("evil/web", { labels: { app: "web" } }), service("evil/web", 80)];
    const mesh = world(SMI, ...shop, group, toWeb({ http: { g: ["any"] } }), ...twin);
    assert.equal(mesh.call("shop/a", "GET http://web/"), "200 shop/web");
    const names = mesh.configs
      .get("shop/a")
      ?.secrets.flatMap(({ type }) =>
        type.case === "validationContext"
          ? type.value.matchTypedSubjectAltNames.map(({ matcher }) => matcher?.matchPattern.value)
          : [],
      );
    assert.deepEqual(names, ["web.shop.cluster.local"]);
  });

  it("goes in one direction only", () => {
    const open = meshConfig({ enablePermissiveTrafficPolicyMode: false, enableEgress: false });
    const back = service("shop/a", 80);
    const mesh = world(open, ...shop, group, back, toWeb({ http: { g: ["any"] } }));
    assert.equal(mesh.call("shop/web", "GET http://a/"), "refused");
  });
});
