/** Whom IngressBackends let in, and whom they do not (dataplane spec 2.15, 3.3, 8.3). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  endpoints,
  type IngressOptions,
  ingressBackend,
  meshConfig,
  namespace,
  pod,
  type RawObject,
  routes,
  SMI,
  service,
} from "./objects.ts";
import { world } from "./world.ts";

const GATE = "10.200.0.1";
const ELSEWHERE = "10.200.0.2";
const SHOP = [
  SMI,
  namespace("shop"),
  pod("shop/web"),
  service("shop/web", [
    { name: "http", port: 80, targetPort: 8080 },
    { name: "http-admin", port: 81, targetPort: 8081 },
  ]),
  namespace("gate", { mesh: false }),
  pod("gate/nginx", { sidecar: false, ip: GATE }),
  service("gate/nginx", 80),
];
const GATEWAY = { kind: "Service", namespace: "gate", name: "nginx" };
const PRINCIPAL = { kind: "AuthenticatedPrincipal", name: "nginx.gate.cluster.local" };
const HTTP = { service: "web", port: 8080, protocol: "http" } as const;
const HTTPS = { service: "web", port: 8080, protocol: "https" } as const;
const GET = "GET http://web:8080/get";
const FULL_NAME = "web.shop.svc.cluster.local";

function shop(options: IngressOptions, ...more: readonly RawObject[]) {
  return world(...SHOP, ingressBackend("shop/in", options), ...more);
}

function codes({ findings }: ReturnType<typeof world>): readonly string[] {
  return findings.map(({ code, about, path }) => `${code} ${about.kind} ${about.namespace}/${about.name} ${path}`);
}

describe("ingress over http", () => {
  it("I1, I2: lets in the endpoints of its source, on its port alone", () => {
    const mesh = shop({ to: [HTTP], from: [GATEWAY] });
    assert.deepEqual(codes(mesh), []);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "closed");
    assert.equal(mesh.enter("shop/web", "GET http://web:8081/get", { source: GATE }), "closed");
    assert.equal(mesh.enter("shop/web", GET, { source: GATE, tls: { sni: "x", name: "y" } }), "closed");
    assert.equal(world(...SHOP).enter("shop/web", GET, { source: GATE }), "closed");
  });

  it("lets in a range of addresses", () => {
    const mesh = shop({ to: [HTTP], from: [{ kind: "IPRange", name: "10.200.0.2/31" }] });
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
  });

  it("lets in nobody while its source has no endpoints, and leaves other objects alone", () => {
    const empty = { kind: "Service", namespace: "gate", name: "none" };
    const other = ingressBackend("shop/other", { to: [{ ...HTTP, port: 8081 }], from: [GATEWAY] });
    const mesh = shop({ to: [HTTP], from: [empty] }, other);
    assert.deepEqual(codes(mesh), ["ingress-source-empty IngressBackend shop/in spec.sources[0]"]);
    assert.match(mesh.findings[0]?.message ?? "", /endpoints not found for service gate\/none/);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
    assert.equal(mesh.enter("shop/web", "GET http://web:8081/get", { source: GATE }), "200 shop/web");
  });

  it("lets in those of its sources that have endpoints", () => {
    const mesh = shop({ to: [HTTP], from: [{ kind: "Service", namespace: "gate", name: "none" }, GATEWAY] });
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "200 shop/web");
  });

  it("follows hand-written endpoints too", () => {
    const by = { kind: "Service", namespace: "gate", name: "hand" };
    const mesh = shop({ to: [HTTP], from: [by] }, endpoints("gate/hand", [ELSEWHERE], 80));
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "200 shop/web");
  });

  it("lets in nobody by a name that nothing proves", () => {
    const mesh = shop({ to: [HTTP], from: [PRINCIPAL] });
    assert.deepEqual(codes(mesh), ["ingress-nobody IngressBackend shop/in spec.backends[0]"]);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
    const both = shop({ to: [HTTP], from: [PRINCIPAL, GATEWAY] });
    assert.deepEqual(codes(both), ["ingress-principal-unchecked IngressBackend shop/in spec.backends[0]"]);
    assert.equal(both.enter("shop/web", GET, { source: GATE }), "200 shop/web");
    assert.equal(both.enter("shop/web", GET, { source: ELSEWHERE }), "closed");
  });

  it("lets in everybody only where that is written, and says so", () => {
    const mesh = shop({ to: [HTTP], from: [{ kind: "AuthenticatedPrincipal", name: "*" }] });
    assert.deepEqual(codes(mesh), ["ingress-open IngressBackend shop/in spec.backends[0]"]);
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "200 shop/web");
    const none = shop({ to: [HTTP], from: [] });
    assert.deepEqual(codes(none), ["ingress-nobody IngressBackend shop/in spec.sources"]);
    assert.equal(none.enter("shop/web", GET, { source: ELSEWHERE }), "closed");
  });

  it("lets in nobody for IPv6 ranges alone", () => {
    const mesh = shop({ to: [HTTP], from: [{ kind: "IPRange", name: "fd00::/8" }] });
    assert.deepEqual(codes(mesh), ["range-ipv6 IngressBackend shop/in spec.sources[0].name"]);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
  });
});

describe("ingress over https", () => {
  const named = (name: string, sni = "shop.example.org") => ({ source: GATE, tls: { sni, name } });

  it("I3, I4: lets in the names that are listed, from the addresses that are", () => {
    const mesh = shop({ to: [HTTPS], from: [GATEWAY, PRINCIPAL] });
    assert.deepEqual(codes(mesh), []);
    assert.equal(mesh.enter("shop/web", GET, named("nginx.gate.cluster.local")), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, named("untrusted-client.cluster.local")), "403 by server");
    assert.equal(mesh.enter("shop/web", GET, { ...named("nginx.gate.cluster.local"), source: ELSEWHERE }), "closed");
    assert.equal(mesh.enter("shop/web", GET, { source: GATE, tls: { sni: "x" } }), "closed");
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
  });

  it("I5: asks for no certificate where that is written", () => {
    const skip = { ...HTTPS, tls: { skipClientCertValidation: true } };
    const mesh = shop({ to: [skip], from: [GATEWAY, { ...PRINCIPAL, name: "untrusted-client.cluster.local" }] });
    assert.deepEqual(codes(mesh), ["ingress-principal-unchecked IngressBackend shop/in spec.backends[0]"]);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE, tls: { sni: "x" } }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE, tls: { sni: "x" } }), "closed");
  });

  it("lets in any certificate of the mesh where no name is listed, but none without", () => {
    const mesh = shop({ to: [HTTPS], from: [GATEWAY] });
    assert.equal(mesh.enter("shop/web", GET, named("anybody.cluster.local")), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: GATE, tls: { sni: "x" } }), "closed");
  });

  it("lets in a gateway that asks for the Service's full name, as callers in the mesh do", () => {
    const mesh = shop({ to: [HTTPS], from: [GATEWAY, PRINCIPAL] });
    assert.equal(mesh.enter("shop/web", GET, named("nginx.gate.cluster.local", FULL_NAME)), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, named("other.cluster.local", FULL_NAME)), "403 by server");
    const inMesh = { source: GATE, tls: { sni: FULL_NAME, alpn: "osm", name: "nginx.gate.cluster.local" } };
    // What offers the mesh's protocol is judged by TrafficTargets, of which there is none.
    assert.equal(mesh.enter("shop/web", GET, inMesh), "closed");
  });

  it("lets in the server names that are listed alone", () => {
    const hosts = { ...HTTPS, tls: { sniHosts: ["shop.example.org", "*.svc.cluster.local"] } };
    const mesh = shop({ to: [hosts], from: [GATEWAY] });
    assert.equal(mesh.enter("shop/web", GET, named("a")), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, named("a", FULL_NAME)), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, named("a", "x.svc.cluster.local")), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, named("a", "other.example.org")), "closed");
    assert.equal(mesh.enter("shop/web", GET, named("a", "")), "closed");
  });
});

describe("ingress to several ports and by several objects", () => {
  it("leads each port to itself, which OSM did not", () => {
    const second = { service: "web", port: 8081, protocol: "http" } as const;
    const mesh = shop({ to: [HTTP, second], from: [GATEWAY] });
    const tables = mesh.configs.get("shop/web")?.routes.filter(({ name }) => name.startsWith("rds-ingress"));
    assert.deepEqual(
      tables?.map(({ name, virtualHosts }) => [name, virtualHosts.map((host) => host.name)]),
      ["8080", "8081"].map((port) => [`rds-ingress.${port}`, ["ingress_virtual-host|shop/web_from_in"]]),
    );
    assert.equal(mesh.enter("shop/web", "GET http://web:8081/get", { source: GATE }), "200 shop/web");
  });

  it("opens no Service of another namespace, which OSM did", () => {
    const foreign = ingressBackend("gate/in", { to: [HTTP], from: [GATEWAY] });
    const mesh = world(...SHOP, namespace("gate"), foreign);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
    assert.ok(codes(mesh).includes("ingress-backend-missing IngressBackend gate/in spec.backends[0].name"));
  });

  it("has no effect outside the mesh's namespaces, nor with its flag off", () => {
    const outside = ingressBackend("gate/in", { to: [HTTP], from: [GATEWAY] });
    assert.equal(world(...SHOP, outside).enter("shop/web", GET, { source: GATE }), "closed");
    const off = { ...SMI, spec: { featureFlags: { enableIngressBackendPolicy: false } } };
    const mesh = shop({ to: [HTTP], from: [GATEWAY] }, off);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
    assert.deepEqual(codes(mesh), ["policy-disabled IngressBackend shop/in "]);
  });

  it("gives a Service's port to the oldest object", () => {
    const older = ingressBackend("shop/z", { to: [HTTP], from: [GATEWAY], createdAt: "2024-01-01T00:00:00Z" });
    const younger = { kind: "IPRange", name: "0.0.0.0/0" };
    const mesh = shop({ to: [HTTP], from: [younger], createdAt: "2024-01-02T00:00:00Z" }, older);
    assert.deepEqual(codes(mesh), ["ingress-conflict IngressBackend shop/in spec.backends[0]"]);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "closed");
  });

  it("unites the objects of two Services that lead to one port of a pod", () => {
    const alias = service("shop/alias", [{ name: "http", port: 90, targetPort: 8080 }], { selector: { app: "web" } });
    const range = { kind: "IPRange", name: `${ELSEWHERE}/32` };
    const other = ingressBackend("shop/other", { to: [{ ...HTTP, service: "alias" }], from: [range, GATEWAY] });
    const mesh = shop({ to: [HTTP], from: [GATEWAY] }, alias, other);
    assert.deepEqual(codes(mesh), []);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: ELSEWHERE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", GET, { source: "10.200.0.3" }), "closed");
  });

  it("is in nobody's way where they say different things: the first keeps what both cover", () => {
    const alias = service("shop/alias", [{ name: "http", port: 90, targetPort: 8080 }], { selector: { app: "web" } });
    const wide = { kind: "IPRange", name: "10.200.0.0/16" };
    const second = { kind: "AuthenticatedPrincipal", name: "second" };
    const other = ingressBackend("shop/x", { to: [{ ...HTTPS, service: "alias" }], from: [wide, second] });
    const mesh = shop({ to: [HTTPS], from: [GATEWAY, PRINCIPAL] }, alias, other);
    assert.deepEqual(codes(mesh), ["ingress-conflict IngressBackend shop/x spec.sources"]);
    const as = (name: string, source: string) => mesh.enter("shop/web", GET, { source, tls: { sni: "x", name } });
    assert.equal(as(PRINCIPAL.name, GATE), "200 shop/web");
    assert.equal(as("second", GATE), "403 by server");
    assert.equal(as("second", ELSEWHERE), "200 shop/web");
    assert.equal(as(PRINCIPAL.name, ELSEWHERE), "403 by server");
  });

  it("says which target port is meant, and which Service is missing", () => {
    const mesh = shop({
      to: [
        { ...HTTP, port: 80 },
        { ...HTTP, service: "gone" },
      ],
      from: [GATEWAY],
    });
    assert.deepEqual(codes(mesh), [
      "ingress-port-missing IngressBackend shop/in spec.backends[0].port.number",
      "ingress-backend-missing IngressBackend shop/in spec.backends[1].name",
    ]);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "closed");
  });

  it("keeps to its route groups, which OSM did not read", () => {
    const group = routes("shop/g", { get: { pathRegex: "/get" } });
    const mesh = shop({ to: [HTTP], from: [GATEWAY], routes: ["g"] }, group);
    assert.equal(mesh.enter("shop/web", GET, { source: GATE }), "200 shop/web");
    assert.equal(mesh.enter("shop/web", "GET http://web:8080/x", { source: GATE }), "404 by server");
    const missing = shop({ to: [HTTP], from: [GATEWAY], routes: ["g"] });
    assert.equal(missing.enter("shop/web", GET, { source: GATE }), "404 by server");
    assert.deepEqual(codes(missing), ["ingress-routes-missing IngressBackend shop/in spec.matches[0].name"]);
  });

  it("leaves callers in the mesh as they were, in both modes", () => {
    const permissive = meshConfig({ enablePermissiveTrafficPolicyMode: true, enableEgress: false });
    const mesh = shop({ to: [HTTP], from: [GATEWAY] }, permissive, pod("shop/api"));
    assert.equal(mesh.call("shop/api", "GET http://web/x"), "200 shop/web");
    const smi = shop({ to: [HTTP], from: [GATEWAY] }, pod("shop/api"));
    assert.equal(smi.call("shop/api", "GET http://web/x"), "refused");
  });
});
