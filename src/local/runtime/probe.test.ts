import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { encodeRequest } from "./grpc-health.ts";
import { startProcess } from "./pod-process.ts";
import type { ProbeAction, ProbeResult } from "./ports.ts";
import { probePod } from "./probe.ts";

const pod = {
  ip: "127.0.0.1",
  run: (options: { readonly argv: readonly string[] }) =>
    startProcess({ argv: ["setsid", ...options.argv], env: { PATH: process.env["PATH"] ?? "" } }),
};
const probe = (action: ProbeAction, timeout = 2_000): Promise<ProbeResult> => probePod(pod, action, timeout);
const portOf = (server: { address(): AddressInfo | string | null }): number => {
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
};

describe("probePod over HTTP", () => {
  let server: Server;
  const seen: Record<string, unknown>[] = [];
  before(async () => {
    server = createServer((request, response) => {
      seen.push({ url: request.url, header: request.headers["x-probe"], host: request.headers.host });
      if (request.url === "/silent") return;
      response.writeHead(Number(request.url?.slice(1)), { location: "/500" }).end("x".repeat(100_000));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it("counts 200 to 399 as success, without following", async () => {
    for (const [status, ok] of [
      [200, true],
      [204, true],
      [302, true],
      [404, false],
      [503, false],
    ] as const) {
      assert.deepEqual(await probe({ kind: "http", port: portOf(server), path: `/${status}` }), {
        ok,
        detail: `HTTP ${status}`,
      });
    }
  });

  it("sends the headers of the manifest, Host included", async () => {
    const headers = [
      { name: "X-Probe", value: "yes" },
      { name: "Host", value: "app.local" },
    ];
    await probe({ kind: "http", port: portOf(server), path: "/200", headers });
    assert.deepEqual(seen.at(-1), { url: "/200", header: "yes", host: "app.local" });
  });

  it("gives up after the timeout", async () => {
    const result = await probe({ kind: "http", port: portOf(server), path: "/silent" }, 150);
    assert.deepEqual(result, { ok: false, detail: "no answer within 150 ms" });
  });

  it("names a port where nobody listens, and something that is not TLS", async () => {
    assert.deepEqual(await probe({ kind: "http", port: 1, path: "/" }), { ok: false, detail: "connection refused" });
    assert.equal((await probe({ kind: "https", port: portOf(server), path: "/" })).ok, false);
  });
});

describe("probePod over TCP, by command and by gRPC", () => {
  it("connects or does not", async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    assert.deepEqual(await probe({ kind: "tcp", port: portOf(server) }), { ok: true, detail: "connected" });
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(await probe({ kind: "tcp", port: 1 }), { ok: false, detail: "connection refused" });
  });

  it("takes a command's exit code, and ends one that takes too long", async () => {
    assert.equal((await probe({ kind: "exec", process: { argv: ["true"] } })).ok, true);
    assert.deepEqual(await probe({ kind: "exec", process: { argv: ["false"] } }), { ok: false, detail: "exit code 1" });
    assert.deepEqual(await probe({ kind: "exec", process: { argv: ["sleep", "60"] } }, 100), {
      ok: false,
      detail: "no answer within 100 ms",
    });
  });

  it("asks the gRPC health service", async () => {
    const asked: string[] = [];
    const server = createHttp2Server((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        const service = body.subarray(7).toString();
        asked.push(`${request.url} ${service}`);
        response.writeHead(200, { "content-type": "application/grpc" });
        const state = service === "down" ? 2 : 1;
        response.write(Buffer.from([0, 0, 0, 0, 2, 0x08, state]));
        response.addTrailers({ "grpc-status": service === "unknown" ? "5" : "0" });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const port = portOf(server);
    assert.deepEqual(await probe({ kind: "grpc", port }), { ok: true, detail: "SERVING" });
    assert.deepEqual(await probe({ kind: "grpc", port, service: "down" }), { ok: false, detail: "health status 2" });
    assert.deepEqual(await probe({ kind: "grpc", port, service: "unknown" }), { ok: false, detail: "gRPC status 5" });
    assert.deepEqual(asked[1], "/grpc.health.v1.Health/Check down");
    assert.equal((await probe({ kind: "grpc", port: 1 })).ok, false);
    server.close();
  });

  it("frames a request as gRPC does", () => {
    assert.deepEqual([...encodeRequest("")], [0, 0, 0, 0, 0]);
    assert.deepEqual([...encodeRequest("ab")], [0, 0, 0, 0, 4, 0x0a, 2, 97, 98]);
  });
});
