import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startGrpcEcho } from "../apps/grpc-echo.ts";
import { startHttpEcho } from "../apps/http-echo.ts";
import { startBanner, startTcpEcho } from "../apps/tcp-servers.ts";
import type { Served } from "../serve.ts";
import { parseTask, perform } from "./perform.ts";

const HOST = "127.0.0.1";

describe("perform()", () => {
  const served: Served[] = [];
  let http: Served, echo: Served, banner: Served, grpc: Served;
  before(async () => {
    const input = { env: { IDENTITY: "me" }, port: 0, log: () => {} };
    http = await startHttpEcho({ ...input, env: { IDENTITY: "me", LISTEN_ADDRESS: HOST } });
    echo = await startTcpEcho(input);
    banner = await startBanner(input);
    grpc = await startGrpcEcho(input);
    served.push(http, echo, banner, grpc);
  });
  after(async () => {
    await Promise.all(served.map((one) => one.close()));
  });

  it("http: sends as many requests as asked, and gives what each came to", async () => {
    const task = { kind: "http", url: `http://${HOST}:${http.port}/status/404`, count: 3, fresh: true } as const;
    assert.partialDeepStrictEqual(await perform(task), [{ status: 404 }, { status: 404 }, { status: 404 }]);
  });

  it("http: a server of one address is not at another of the machine", async () => {
    const task = { kind: "http", url: `http://127.0.0.2:${http.port}/` } as const;
    assert.partialDeepStrictEqual(await perform(task), [{ status: 0, error: "ECONNREFUSED" }]);
  });

  it("load: counts by status", async () => {
    const task = { kind: "load", url: `http://${HOST}:${http.port}/x`, perSecond: 50, seconds: 0.2 } as const;
    assert.deepEqual(await perform(task), { requests: 10, outcomes: { 200: 10 }, failures: [] });
  });

  it("tcp: writes, listens, and tells that it gave up waiting", async () => {
    const task = { kind: "tcp", host: HOST, port: echo.port, send: "a\n", waitMs: 200, count: 2 } as const;
    assert.partialDeepStrictEqual(await perform(task), {
      data: "echo response: a\necho response: a\n",
      ended: "waited",
    });
  });

  it("tcp: tells that the server ended, or refused", async () => {
    assert.partialDeepStrictEqual(await perform({ kind: "tcp", host: HOST, port: banner.port }), {
      data: "hello from me\n",
      ended: "end",
    });
    assert.partialDeepStrictEqual(await perform({ kind: "tcp", host: HOST, port: 1 }), {
      data: "",
      firstByteMs: -1,
      ended: "ECONNREFUSED",
    });
  });

  it("ws: gets its messages back", async () => {
    const messages = ["one", "two"];
    const url = `ws://${HOST}:${http.port}/ws`;
    assert.deepEqual(await perform({ kind: "ws", url, messages }), { received: messages });
  });

  it("grpc: gets its message back", async () => {
    const task = { kind: "grpc", host: HOST, port: grpc.port, path: "/a.B/C", message: "hi" } as const;
    assert.partialDeepStrictEqual(await perform(task), { status: 200, grpcStatus: "0", message: "hi", error: "" });
  });
});

describe("parseTask()", () => {
  for (const [what, text, complaint] of [
    ["no JSON", "GET /", /JSON/],
    ["an unknown kind", '{"kind":"ftp"}', /kind/],
    ["a missing field", '{"kind":"http"}', /url/],
    ["a field that is not one", '{"kind":"http","url":"x","times":2}', /times/],
    ["a port out of range", '{"kind":"tcp","host":"x","port":70000}', /port/],
  ] as const)
    it(`refuses ${what}, and says what it is`, () => assert.throws(() => parseTask(text), complaint));
});
