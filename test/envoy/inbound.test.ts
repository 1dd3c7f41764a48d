import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { buildConfig } from "../../src/core/envoy/config.ts";
import type { InboundChain, NetworkPolicy } from "../../src/core/ir/listener.ts";
import { PLAIN_OBSERVATION } from "../../src/core/ir/observation.ts";
import type { ProxyIr } from "../../src/core/ir/proxy.ts";
import type { Route } from "../../src/core/ir/route.ts";
import { callInMesh, freePort, startEnvoy } from "./lone-envoy.ts";
import { envoyFromEnvironment, makeIssuer, staticBootstrap, type ThrowAway } from "./validate.ts";

const BANNER = "220 ready\r\n";
const ALLOWED = "allowed.test.cluster.local";
const ADMIN = "admin.test.cluster.local";
const DENIED = "denied.test.cluster.local";

const stops: (() => unknown)[] = [];
let port = 0;
let callers: Readonly<Record<string, ThrowAway>> = {};

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function route(pathRegex: string, names: readonly [string, ...string[]], also: Route[] = []): Route {
  const others = also.map(
    ({ match, access }) => ({ match, principals: access?.principals ?? { kind: "these", names } }) as const,
  );
  const access = { principals: { kind: "these", names }, also: others } as const;
  return { match: { pathRegex, headers: [] }, clusters: [{ cluster: "web", weight: 100 }], access };
}

function irOf(ports: { inbound: number; banner: number; web: number }): ProxyIr {
  const policy: NetworkPolicy = {
    name: "n/t",
    principals: { kind: "these", names: [ALLOWED, ADMIN] },
    ports: [ports.inbound],
  };
  const elsewhere: NetworkPolicy = { ...policy, ports: [1] };
  const chain = (sni: string, policies: readonly NetworkPolicy[], target: InboundChain["target"]): InboundChain => {
    return { name: sni, port: ports.inbound, sni, access: { kind: "policies", policies }, target };
  };
  const adminOnly = route("/.*", [ADMIN]);
  const routes = [
    route("/public/.*", [ALLOWED], [adminOnly]),
    adminOnly,
    { ...route("/none", [ALLOWED]), clusters: [] },
  ];
  return {
    serviceAccount: { namespace: "test", name: "server" },
    tls: { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] },
    observation: PLAIN_OBSERVATION,
    metrics: false,
    inbound: {
      ingress: [],
      chains: [
        chain("elsewhere", [elsewhere], { kind: "tcp", cluster: "banner" }),
        chain("http", [policy], { kind: "http", routeTable: "table" }),
        chain("tcp", [policy], { kind: "tcp", cluster: "banner" }),
      ],
    },
    routeTables: [{ name: "table", virtualHosts: [{ name: "host", domains: ["web"], routes }] }],
    upstreams: [
      { kind: "local", name: "banner", port: ports.banner },
      { kind: "local", name: "web", port: ports.web },
    ],
    endpointSets: [],
    trustedPeers: [],
  };
}

function moved(value: unknown, from: number, to: number): string {
  return JSON.stringify(value).replaceAll(`"port_value":${from}`, `"port_value":${to}`);
}

function call(caller: string, sni: string, send?: string): Promise<string> {
  const shown = callers[caller];
  assert.ok(shown !== undefined);
  return callInMesh({ port, sni, caller: shown, ...(send === undefined ? {} : { send }) });
}

async function statusOf(caller: string, path: string): Promise<string> {
  const answer = await call(caller, "http", `GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
  return answer.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length);
}

describe("a real Envoy as server", () => {
  before(async () => {
    const banner = await listening(createServer((socket) => socket.on("error", () => undefined).write(BANNER)));
    const web = await listening(createHttpServer((_request, response) => response.end("yes")));
    const issue = await makeIssuer();
    port = await freePort();
    const names = [ALLOWED, ADMIN, DENIED];
    callers = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await issue(name)] as const)));
    const config = buildConfig(irOf({ inbound: port, banner, web }), { pem: "replaced" });
    const bootstrap = moved(staticBootstrap(config, await issue("server.test.cluster.local")), 15003, port);
    stops.push(await startEnvoy(envoyFromEnvironment(), JSON.parse(bootstrap), port));
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  it("lets an allowed caller read what a server says first", async () => {
    assert.equal(await call(ALLOWED, "tcp"), BANNER);
  });

  it("shows no banner to a caller without permission", async () => {
    assert.equal(await call(DENIED, "tcp"), "");
    assert.equal(await call(DENIED, "tcp", "hello\r\n"), "");
  });

  it("shows no banner to anybody on a port that no policy opens", async () => {
    assert.equal(await call(ALLOWED, "elsewhere"), "");
    assert.equal(await call(ALLOWED, "elsewhere", "hello\r\n"), "");
  });

  it("answers by the rules, also those of another route that overlaps", async () => {
    assert.equal(await statusOf(ALLOWED, "/public/books"), "200");
    assert.equal(await statusOf(ADMIN, "/public/books"), "200");
    assert.equal(await statusOf(ALLOWED, "/private"), "403");
    assert.equal(await statusOf(ADMIN, "/private?query=1"), "200");
  });

  it("closes on a caller whom no policy names, before it could ask", async () => {
    assert.equal(await statusOf(DENIED, "/public/books"), "");
  });

  it("reads a path as a server would, so that no spelling of it gets past a rule", async () => {
    assert.equal(await statusOf(ALLOWED, "/public/../private"), "403");
    assert.equal(await statusOf(ALLOWED, "/public/%2e%2e/private"), "403");
    assert.equal(await statusOf(ALLOWED, "//public/books"), "200");
    for (const path of ["/public/..%2Fprivate", "/public/..%2fprivate", "/public/..%5Cprivate"]) {
      assert.equal(await statusOf(ALLOWED, path), "400", path);
    }
  });
});
