/** The worked example of the specification, resource by resource (dataplane spec 15). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";
import {
  addressOf,
  namespace,
  PERMISSIVE,
  pod,
  type RawObject,
  routes,
  SMI,
  service,
  split,
  target,
} from "./objects.ts";
import { contentOf } from "./proxy.ts";
import { world } from "./world.ts";

const PORT = [{ port: 14001, targetPort: 14001, appProtocol: "http" }];
const objects = [
  namespace("curl"),
  pod("curl/curl"),
  namespace("httpbin"),
  pod("httpbin/httpbin"),
  service("httpbin/httpbin", PORT),
];
const smi = [
  ...objects,
  routes("httpbin/routes", { get: { pathRegex: "/get", methods: ["GET"] } }),
  target("httpbin/allow-curl", { to: "httpbin", from: ["curl/curl"], http: { routes: ["get"] } }),
];
const FQDN = "httpbin.httpbin.svc.cluster.local";

/** A configuration as names alone. */
function inventory({ clusters, endpoints, listeners, routes: tables, secrets }: EnvoyConfig) {
  return {
    listeners: Object.fromEntries(listeners.map((one) => [one.name, one.filterChains.map(chainText)])),
    routes: Object.fromEntries(tables.map(({ name, virtualHosts }) => [name, virtualHosts.map(hostText)])),
    clusters: clusters.map(({ name }) => name).sort(),
    endpoints: endpoints.map(({ clusterName }) => clusterName),
    secrets: secrets.map(({ name }) => name),
  };
}

function chainText({ name, filterChainMatch: match, filters }: Listener["filterChains"][number]): string {
  const addresses = (match?.prefixRanges ?? []).map((range) => `${range.addressPrefix}/${range.prefixLen}`);
  const tls = [match?.transportProtocol, ...(match?.applicationProtocols ?? [])].filter((part) => part);
  const parts = [match?.destinationPort, ...addresses, ...(match?.serverNames ?? []), ...tls];
  return `${name} [${parts.join(" ")}] ${filters.map((filter) => filter.name.split(".").pop()).join(" ")}`;
}

function hostText({ name, domains, routes: all }: EnvoyConfig["routes"][number]["virtualHosts"][number]): string {
  const targets = all.map(({ match, action }) => {
    const route = action.case === "route" ? action.value.clusterSpecifier : undefined;
    const clusters = route?.case === "weightedClusters" ? route.value.clusters : [];
    const path = match?.pathSpecifier.case === "safeRegex" ? match.pathSpecifier.value.regex : "?";
    return `${path} -> ${clusters.map((one) => `${one.name} ${one.weight}`).join(", ")}`;
  });
  return `${name} (${domains.length}) ${targets.join("; ")}`;
}

function configOf(name: string, ...all: readonly RawObject[]): EnvoyConfig {
  const config = world(...all).configs.get(name);
  assert.ok(config);
  return config;
}

const clientChain = `outbound_httpbin/httpbin_14001_http [14001 ${addressOf(172, "service httpbin/httpbin")}/32] http_connection_manager`;
const serverChain = (filters: string) =>
  `inbound_httpbin/httpbin_14001_http [14001 ${FQDN} tls osm] ${filters}http_connection_manager`;

describe("the worked example, permissive", () => {
  it("the client", () => {
    assert.deepEqual(inventory(configOf("curl/curl", PERMISSIVE, ...objects)), {
      listeners: { "outbound-listener": [clientChain] },
      routes: { "rds-outbound.14001": [`outbound_virtual-host|${FQDN} (8) .* -> httpbin/httpbin|14001 100`] },
      clusters: ["httpbin/httpbin|14001"],
      endpoints: ["httpbin/httpbin|14001"],
      secrets: ["root-cert-for-mtls-inbound", "root-cert-for-mtls-outbound:httpbin/httpbin"],
    });
  });

  it("the server", () => {
    assert.deepEqual(inventory(configOf("httpbin/httpbin", PERMISSIVE, ...objects)), {
      listeners: { "inbound-listener": [serverChain("")], "outbound-listener": [clientChain] },
      routes: {
        "rds-outbound.14001": [`outbound_virtual-host|${FQDN} (10) .* -> httpbin/httpbin|14001 100`],
        "rds-inbound.14001": [`inbound_virtual-host|${FQDN} (10) .* -> httpbin/httpbin|14001|local 100`],
      },
      clusters: ["httpbin/httpbin|14001", "httpbin/httpbin|14001|local"],
      endpoints: ["httpbin/httpbin|14001"],
      secrets: ["root-cert-for-mtls-inbound", "root-cert-for-mtls-outbound:httpbin/httpbin"],
    });
  });
});

describe("the worked example, SMI", () => {
  it("the client is as before", () => {
    assert.deepEqual(
      inventory(configOf("curl/curl", SMI, ...smi)),
      inventory(configOf("curl/curl", PERMISSIVE, ...objects)),
    );
  });

  it("the server", () => {
    const config = configOf("httpbin/httpbin", SMI, ...smi);
    assert.deepEqual(inventory(config), {
      listeners: { "inbound-listener": [serverChain("l4_rbac ")] },
      routes: { "rds-inbound.14001": [`inbound_virtual-host|${FQDN} (10) /get -> httpbin/httpbin|14001|local 100`] },
      clusters: ["httpbin/httpbin|14001|local"],
      endpoints: [],
      secrets: ["root-cert-for-mtls-inbound"],
    });
    const chain = config.listeners[0]?.filterChains[0];
    assert.ok(chain);
    assert.deepEqual(Object.keys(contentOf(chain, config).rules?.policies ?? {}), ["httpbin/allow-curl"]);
  });

  const mesh = world(SMI, ...smi);
  for (const [request, answer] of [
    ["GET http://httpbin.httpbin:14001/get", "200 httpbin/httpbin"],
    ["GET http://httpbin.httpbin:14001/status/200", "404 by server"],
    ["POST http://httpbin.httpbin:14001/get", "404 by server"],
  ] as const) {
    it(`${request}: ${answer}`, () => assert.equal(mesh.call("curl/curl", request), answer));
  }
});

describe("the worked example, split", () => {
  const leaf = (version: string) => {
    const labels = { app: "httpbin", version };
    return [
      pod(`httpbin/httpbin-${version}`, { account: "httpbin", labels }),
      service(`httpbin/httpbin-${version}`, PORT, { selector: labels }),
    ];
  };
  const leaves = [...leaf("v1"), ...leaf("v2")];
  const divided = split("httpbin/split", "httpbin", { "httpbin-v1": 90, "httpbin-v2": 10 });
  const all = [SMI, ...smi.filter(({ kind }) => kind !== "Pod"), pod("curl/curl"), ...leaves, divided];

  it("the client shares the root's host among the leaves", () => {
    const { routes: tables, clusters } = inventory(configOf("curl/curl", ...all));
    const shares = "httpbin/httpbin-v1|14001 90, httpbin/httpbin-v2|14001 10";
    const hosts = tables["rds-outbound.14001"] ?? [];
    assert.ok(hosts.includes(`outbound_virtual-host|${FQDN} (8) .* -> ${shares}`), hosts.join("\n"));
    assert.deepEqual(clusters, ["httpbin/httpbin-v1|14001", "httpbin/httpbin-v2|14001", "httpbin/httpbin|14001"]);
  });

  it("a leaf has chains for every Service that selects it, and hosts for root and leaf", () => {
    const { listeners, routes: tables, clusters } = inventory(configOf("httpbin/httpbin-v1", ...all));
    const chains = (listeners["inbound-listener"] ?? []).map((chain) => chain.split(" ")[0]);
    assert.deepEqual(chains, ["inbound_httpbin/httpbin-v1_14001_http", "inbound_httpbin/httpbin_14001_http"]);
    const hosts = (tables["rds-inbound.14001"] ?? []).map((host) => host.split(" ")[0]);
    const leafName = "httpbin-v1.httpbin.svc.cluster.local";
    assert.deepEqual(hosts, [`inbound_virtual-host|${leafName}`, `inbound_virtual-host|${FQDN}`]);
    assert.deepEqual(clusters, ["httpbin/httpbin-v1|14001|local", "httpbin/httpbin|14001|local"]);
  });
});
