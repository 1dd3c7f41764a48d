import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Served } from "../serve.ts";
import { callGrpc, startGrpcEcho } from "./grpc-echo.ts";
import { echoRoutes, startHttpEcho } from "./http-echo.ts";
import { type LoadInput, runLoad } from "./http-load.ts";
import { callWebSocket } from "./ws-call.ts";

const input = { env: { IDENTITY: "me" }, port: 0, log: () => undefined };

describe("http-echo", () => {
  const app = echoRoutes("me");

  it("tells what it was asked", async () => {
    const answer = await app.request("/a/b?c=d", { method: "DELETE", headers: { "x-y": "z" } });
    assert.equal(answer.headers.get("Identity"), "me");
    const told = await answer.json();
    assert.deepEqual(
      [told.method, told.path, told.query, told.headers["x-y"], told.identity],
      ["DELETE", "/a/b", { c: "d" }, "z", "me"],
    );
  });

  it("answers any status, with its identity", async () => {
    for (const status of [200, 204, 404, 418, 503]) {
      const answer = await app.request(`/status/${status}`);
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("Identity"), "me");
    }
    assert.equal((await app.request("/status/999")).status, 200);
  });

  it("counts the bytes of an upload", async () => {
    const answer = await app.request("/upload", { method: "PUT", body: new Uint8Array(3_000_001) });
    assert.deepEqual(await answer.json(), { bytes: 3_000_001 });
    assert.deepEqual(await (await app.request("/upload", { method: "POST" })).json(), { bytes: 0 });
  });

  it("refuses a stream without a sensible length", async () => {
    for (const seconds of ["0", "-1", "1.5", "x", "1e9"])
      assert.equal((await app.request(`/stream?seconds=${seconds}`)).status, 400, seconds);
  });
});

describe("over sockets", () => {
  let http: Served;
  let grpc: Served;
  before(async () => {
    http = await startHttpEcho(input);
    grpc = await startGrpcEcho(input);
  });
  after(async () => {
    await http.close();
    await grpc.close();
  });

  it("a stream comes in pieces, not at its end", async () => {
    const started = performance.now();
    const answer = await fetch(`http://127.0.0.1:${http.port}/stream?seconds=2`);
    const arrivals: number[] = [];
    let text = "";
    for await (const chunk of answer.body ?? []) {
      arrivals.push(performance.now() - started);
      text += new TextDecoder().decode(chunk);
    }
    assert.equal(text, "chunk 1 of 2\nchunk 2 of 2\n");
    const [first = 0, last = 0] = [arrivals[0], arrivals.at(-1)];
    assert.ok(first < 800 && last - first > 800, `arrived after ${arrivals.join(", ")} ms`);
  });

  it("a WebSocket message comes back, and there is none elsewhere", async () => {
    assert.deepEqual(await callWebSocket(`ws://127.0.0.1:${http.port}/ws`, "hi ü"), { message: "hi ü", error: "" });
    assert.notEqual((await callWebSocket(`ws://127.0.0.1:${http.port}/other`, "hi")).error, "");
    assert.notEqual((await callWebSocket("ws://127.0.0.1:1/ws", "hi")).error, "");
  });

  it("a gRPC message comes back with status 0", async () => {
    const reply = await callGrpc(`http://127.0.0.1:${grpc.port}`, "/a.B/C", "hi ü");
    assert.deepEqual(reply, { status: 200, grpcStatus: "0", identity: "me", message: "hi ü", error: "" });
    const none = await callGrpc("http://127.0.0.1:1", "/a.B/C", "hi");
    assert.equal(none.status, 0);
    assert.notEqual(none.error, "");
  });

  const load = (change: Partial<LoadInput> = {}): LoadInput => ({
    url: `http://127.0.0.1:${http.port}/x`,
    rate: 100,
    duration: 500,
    method: "GET",
    headers: {},
    connections: "kept",
    port: undefined,
    signal: new AbortController().signal,
    ...change,
  });

  for (const connections of ["kept", "fresh"] as const) {
    it(`a load over ${connections} connections keeps its rate and loses nothing`, async () => {
      const report = await runLoad(load({ connections }));
      assert.deepEqual([report.requests, report.ok, report.skipped], [50, 50, 0]);
      assert.deepEqual(report.by_identity, { me: 50 });
      assert.ok(report.latency_ms.p50 > 0 && report.latency_ms.max >= report.latency_ms.p99);
    });
  }

  it("a load ends when it is stopped, and counts what it was refused", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    const report = await runLoad(
      load({ url: "http://127.0.0.1:1/", duration: Number.POSITIVE_INFINITY, signal: stop.signal }),
    );
    assert.ok(report.requests > 5 && report.requests < 40, `${report.requests} requests`);
    assert.equal(report.denied, report.requests);
  });
});
