/** What is not plain HTTP: TCP by policy and without, a server that speaks first, gRPC in clear text and over TLS. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { app, httpRoutes, type Manifest, namespace, service, tcpRoute, trafficTarget } from "../support/workloads.ts";
import { testRoot } from "../support/xds-pki.ts";
import {
  apply,
  client,
  deleteNamespaces,
  ensureMesh,
  eventually,
  perform,
  remove,
  setMode,
  untilReady,
  WAIT,
} from "./mesh.ts";
import { IN_A_ROW, SOON } from "./traffic.ts";

const SERVERS = "tcp-server";
const CLIENTS = "tcp-client";
const CALLER = { namespace: CLIENTS, name: "caller" };
const POD = `${CLIENTS}/caller`;
const SAY = "/osm.demo.Echo/Say";

const tcpTarget = (to: string, port: number): readonly Manifest[] => [
  tcpRoute({ namespace: SERVERS, name: `${to}-port` }, [port]),
  trafficTarget({
    namespace: SERVERS,
    name: to,
    to,
    from: [CALLER],
    rules: [{ kind: "TCPRoute", name: `${to}-port` }],
  }),
];
const ECHO_TARGET = tcpTarget("echo", 9000);
const BANNER_TARGET = tcpTarget("banner", 9100);
const SECURE_TARGET = tcpTarget("secure-rpc", 9001);
const RPC_TARGET = [
  httpRoutes({ namespace: SERVERS, name: "say" }, [{ name: "say", pathRegex: SAY, methods: ["POST"] }]),
  trafficTarget({
    namespace: SERVERS,
    name: "rpc",
    to: "rpc",
    from: [CALLER],
    rules: [{ kind: "HTTPRouteGroup", name: "say", matches: ["say"] }],
  }),
];

const root = await testRoot("application root");

before(async () => {
  await ensureMesh();
  await setMode("smi");
  const leaf = await root.issue(`secure-rpc.${SERVERS}`);
  const server = (name: string, run: string, port: number, appProtocol: string, env = {}) => [
    ...app({ namespace: SERVERS, name, run: { app: [run, "--port", String(port)] }, port, env }),
    service({ namespace: SERVERS, name }, [{ port, appProtocol }]),
  ];
  await apply(namespace(SERVERS), namespace(CLIENTS));
  await apply(
    ...server("echo", "tcp-echo", 9000, "tcp"),
    ...server("banner", "banner", 9100, "tcp-server-first"),
    ...server("rpc", "grpc-echo", 9200, "grpc"),
    ...server("secure-rpc", "grpc-echo", 9001, "tcp", { TLS_CERT: leaf.certificate, TLS_KEY: leaf.key }),
    ...client(CALLER),
  );
  await untilReady(SERVERS, CLIENTS);
}, WAIT);
after(async () => await deleteNamespaces(SERVERS, CLIENTS), WAIT);

const to = (service: string, port: number) => ({ kind: "tcp", host: `${service}.${SERVERS}`, port }) as const;

async function expectEcho(): Promise<void> {
  const { data } = await perform(POD, { ...to("echo", 9000), send: "hello\n", waitMs: 2000, count: 2 });
  assert.equal(data, "echo response: hello\n".repeat(2));
}

async function expectBanner(): Promise<void> {
  const { data, ended } = await perform(POD, { ...to("banner", 9100), waitMs: 5000, count: IN_A_ROW });
  assert.match(data, new RegExp(`^(hello from banner-\\S+\n){${IN_A_ROW}}$`));
  assert.equal(ended, "end");
}

/** Connections must come to nothing: refused, or closed, and no byte. */
async function expectNothing(service: string, port: number): Promise<void> {
  const { data, ended } = await perform(POD, { ...to(service, port), send: "hello\n", count: IN_A_ROW });
  assert.equal(data, "");
  assert.notEqual(ended, "waited");
}

async function say(service: string, port: number, path = SAY, trust?: string) {
  const where = { host: `${service}.${SERVERS}`, port, path, message: "hello" };
  return await perform(POD, { kind: "grpc", ...where, ...(trust === undefined ? {} : { trust }) });
}

const ECHOED = { status: 200, grpcStatus: "0", message: "hello", error: "" };

describe("TCP in SMI mode [e2e_tcp_client_server]", () => {
  it("is refused without a TrafficTarget", WAIT, async () => {
    await eventually("nothing", SOON, () => expectNothing("echo", 9000));
  });

  it("passes with a TCPRoute, on the port of the route alone", WAIT, async () => {
    await apply(...ECHO_TARGET);
    await eventually("an echo", SOON, expectEcho);
    await expectNothing("banner", 9100);
  });

  it("passes to a server that speaks first [e2e_tcp_server_first]", WAIT, async () => {
    await apply(...BANNER_TARGET);
    await eventually("a banner", SOON, expectBanner);
  });

  it("is cut once the TrafficTarget is deleted", WAIT, async () => {
    await remove(...ECHO_TARGET);
    await eventually("nothing", SOON, () => expectNothing("echo", 9000));
    await expectBanner();
  });
});

describe("gRPC in SMI mode", () => {
  it("passes in clear text by its HTTP route, and by no other [e2e_grpc_insecure_origination]", WAIT, async () => {
    await apply(...RPC_TARGET);
    await eventually("an answer", SOON, async () => assert.partialDeepStrictEqual(await say("rpc", 9200), ECHOED));
    const other = await say("rpc", 9200, "/osm.demo.Echo/Shout");
    assert.notEqual(other.grpcStatus, "0");
    assert.equal(other.message, "");
  });

  it("passes as TCP where the application makes its TLS itself [e2e_grpc_secure_origination]", WAIT, async () => {
    await apply(...SECURE_TARGET);
    await eventually("an answer", SOON, async () =>
      assert.partialDeepStrictEqual(await say("secure-rpc", 9001, SAY, root.pem), ECHOED),
    );
  });

  it("shows the application's own certificate to the client, not the mesh's", WAIT, async () => {
    const another = await testRoot("another root");
    const { status, error } = await say("secure-rpc", 9001, SAY, another.pem);
    assert.equal(status, 0);
    assert.match(error, /certificate/i);
  });
});

describe("in permissive mode", () => {
  it("all of them pass without any policy", WAIT, async () => {
    await remove(...BANNER_TARGET, ...RPC_TARGET, ...SECURE_TARGET);
    await setMode("permissive");
    await eventually("an echo", SOON, expectEcho);
    await eventually("a banner", SOON, expectBanner);
    await eventually("gRPC", SOON, async () => assert.partialDeepStrictEqual(await say("rpc", 9200), ECHOED));
    await eventually("gRPC over TLS", SOON, async () =>
      assert.partialDeepStrictEqual(await say("secure-rpc", 9001, SAY, root.pem), ECHOED),
    );
  });

  it("and are cut when it is switched off", WAIT, async () => {
    await setMode("smi");
    await eventually("nothing", SOON, () => expectNothing("echo", 9000));
    await eventually("nothing", SOON, () => expectNothing("banner", 9100));
  });
});
