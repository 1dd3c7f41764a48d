import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { Authority } from "../ca/authority.ts";
import { makeRoot, openBuiltin } from "../ca/providers/builtin.ts";
import { type HttpServer, type HttpServerOptions, type HttpTls, startHttpServer } from "./http-server.ts";

const HOST = "127.0.0.1";
const started: HttpServer[] = [];
after(() => Promise.all(started.map((server) => server.stop(0))));

async function serve(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({
    fetch: async (request) => new Response(`${request.method} ${(await request.text()).length}`),
    listen: { host: HOST, port: 0 },
    onError: () => {},
    ...options,
  });
  started.push(server);
  return server;
}

/** Sends bytes as they are, and resolves with all that came back once the server closed. */
async function raw(socket: Socket, text: string): Promise<string> {
  let got = "";
  socket.on("data", (bytes) => {
    got += bytes.toString();
  });
  socket.on("error", () => {});
  socket.write(text);
  await once(socket, "close");
  return got;
}

function send(port: number, text: string): Promise<string> {
  return raw(connect(port, HOST), text);
}

const statusOf = (answer: string): string | undefined => answer.split(" ")[1];
const pause = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

describe("HTTP server", () => {
  it("answers, and reads a body with and without a length", async () => {
    const { port } = await serve();
    const ask = (init?: RequestInit) => fetch(`http://${HOST}:${port}/`, init).then((answer) => answer.text());
    assert.equal(await ask({ method: "POST", body: "abc" }), "POST 3");
    const chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    assert.match(await send(port, chunked), /POST 2$/m);
    assert.equal(await ask({ method: "DELETE" }), "DELETE 0");
  });

  it("refuses a body above the limit, whether it states its length or not, and whether it is read or not", async () => {
    for (const read of [true, false]) {
      const { port } = await serve({
        fetch: async (request) => new Response(read ? await request.text() : "unread"),
        limits: { bodyBytes: 10 },
      });
      const stated = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nabcdefghijk";
      assert.equal(statusOf(await send(port, stated)), "413");
      if (!read) continue; // what nobody reads needs no limit
      const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n";
      assert.equal(statusOf(await send(port, chunked)), "413");
    }
  });

  it("takes a body that is too large to its end, so that its sender reads the answer", async () => {
    const { port } = await serve({ limits: { bodyBytes: 10 } });
    const socket = connect(port, HOST);
    const answer = raw(socket, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
    let broken: unknown;
    socket.on("error", (error) => {
      broken = error;
    });
    for (let part = 0; part < 3; part++) {
      await pause(50);
      assert.ok(socket.writable, `the connection ended before part ${part}`);
      socket.write("x".repeat(1_000_000));
    }
    assert.equal(statusOf(await answer), "413");
    assert.equal(broken, undefined);
  });

  it("gives up on a slow header, a slow body and an idle connection, and on nothing else", async () => {
    const { port } = await serve({
      fetch: async (request) => {
        await pause(request.url.endsWith("/slow") ? 400 : 0);
        return new Response(await request.text());
      },
      limits: { header: 150, body: 200, idle: 300 },
    });
    const startedAt = Date.now();
    const slowAnswer = send(port, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const [header, body, silent] = await Promise.all([
      send(port, "GET / HTTP/1.1\r\nHost: x\r\n"),
      send(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"),
      // Not nothing at all: Linux may keep that from the server (TCP_DEFER_ACCEPT, which Bun sets).
      send(port, "G"),
    ]);
    assert.deepEqual([header, body, silent].map(statusOf), ["408", "408", "408"]);
    assert.ok(Date.now() - startedAt < 1000);
    assert.equal(statusOf(await send(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200"); // and closed when idle
    assert.equal(statusOf(await slowAnswer), "200");
  });

  it("refuses a huge header, and what is no HTTP, and goes on", async () => {
    const { port } = await serve();
    const huge = `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(100_000)}\r\n\r\n`;
    assert.equal(statusOf(await send(port, huge)), "431");
    assert.equal(statusOf(await send(port, "\u0016\u0003 nonsense\r\n\r\n")), "400");
    assert.equal(statusOf(await send(port, "GET http://[ HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n")), "400");
    assert.equal((await fetch(`http://${HOST}:${port}/`)).status, 200);
  });

  it("tells nobody outside what a handler threw", async () => {
    const errors: unknown[] = [];
    const { port } = await serve({
      fetch: () => {
        throw new Error("the secret of the handler");
      },
      onError: (error) => errors.push(error),
    });
    const answer = await fetch(`http://${HOST}:${port}/`);
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "");
    assert.match(String(errors[0]), /secret of the handler/);
  });

  it("lets a request under way end when it stops, and tells its client to go", async () => {
    const server = await serve({
      fetch: async ({ url }) => {
        if (!url.endsWith("/idle")) await pause(200);
        return new Response("done");
      },
    });
    const idle = send(server.port, "GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
    const busy = send(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await pause(50);
    const stoppedAt = Date.now();
    await server.stop(5000);
    assert.ok(Date.now() - stoppedAt < 2000);
    assert.match(await busy, /connection: close[\s\S]*done/i);
    assert.doesNotMatch(await idle, /connection: close/i);
    await assert.rejects(fetch(`http://${HOST}:${server.port}/`));
  });

  it("cuts what outlasts the grace", async () => {
    const server = await serve({ fetch: () => new Promise(() => {}) });
    const stuck = send(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await pause(50);
    await server.stop(100);
    assert.equal(await stuck, "");
  });

  it("sends clients elsewhere while it drains", async () => {
    const server = await serve();
    server.drain();
    const answer = await send(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(answer, /^HTTP\/1.1 200[\s\S]*connection: close/i);
  });

  it("leaves idle connections open while it drains, so that no request meets their end", async () => {
    const server = await serve();
    const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
    const ask = async () => {
      const asked = httpRequest({ host: HOST, port: server.port, agent }).end();
      const [answer] = await once(asked, "response");
      answer.resume();
      await once(answer, "end");
      return { socket: asked.socket, connection: answer.headers.connection };
    };
    const before = await ask();
    server.drain();
    await pause(50);
    const during = await ask();
    assert.equal(during.socket, before.socket);
    assert.equal(during.connection, "close");
    assert.notEqual((await ask()).socket, before.socket);
    agent.destroy();
  });

  it("rejects where the port is taken", async () => {
    const { port } = await serve();
    await assert.rejects(serve({ listen: { host: HOST, port } }), /EADDRINUSE|in use/i);
  });

  it("serves a Unix socket for this user alone, in place of one that was left behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "osm-http-"));
    const path = join(folder, "api.sock");
    for (const turn of [1, 2]) {
      const server = await startHttpServer({
        fetch: () => new Response(`turn ${turn}`),
        listen: { path },
        onError() {},
      });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      const asked = httpRequest({ socketPath: path, path: "/", agent: false }).end();
      const [answer] = await once(asked, "response");
      let text = "";
      for await (const chunk of answer) text += chunk;
      assert.equal(text, `turn ${turn}`);
      await server.stop(0);
    }
    rmSync(folder, { recursive: true });
  });
});

describe("HTTPS server", () => {
  let first: HttpTls;
  let second: HttpTls;
  let roots: string;

  before(async () => {
    const now = () => Date.now();
    const root = await makeRoot({ now: now() });
    const provider = await openBuiltin(root, now);
    const authority = new Authority({ provider, trustDomain: "cluster.local", now });
    const issue = async (): Promise<HttpTls> => {
      const { chain, key } = await authority.issue({ kind: "server", dnsNames: ["hooks.test"] }, 3_600_000);
      return { certificate: chain, key };
    };
    [first, second, roots] = [await issue(), await issue(), authority.trustBundle().join("")];
  });

  const secure = (port: number): Socket => tlsConnect({ port, host: HOST, servername: "hooks.test", ca: roots });

  async function serialAt(port: number): Promise<string> {
    const socket = tlsConnect({ port, host: HOST, servername: "hooks.test", ca: roots });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  /** @returns the body's text. Rejects unless the answer is 200. */
  async function ask(port: number, agent: Agent | false): Promise<string> {
    const options = { port, host: HOST, servername: "hooks.test", ca: roots, agent, method: "POST" };
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const asked = httpsRequest(options, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += chunk;
      });
      answer.on("error", reject);
      answer.on("end", () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode}`))));
    });
    asked.on("error", reject);
    asked.end("x".repeat(1000));
    return promise;
  }

  it("swaps its certificate under load without a failed request", async () => {
    const server = await serve({ tls: first });
    const before = await serialAt(server.port);
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 4 });
    let asked = 0;
    let swapping = true;
    const client = async (agent: Agent | false): Promise<void> => {
      while (swapping) {
        assert.equal(await ask(server.port, agent), "POST 1000");
        asked += 1;
      }
    };
    const clients = [client(keepAlive), client(keepAlive), client(false), client(false)];
    for (let turn = 0; turn < 20; turn++) {
      server.setTls(turn % 2 === 0 ? second : first);
      await pause(15);
    }
    server.setTls(second);
    swapping = false;
    await Promise.all(clients);
    keepAlive.destroy();
    assert.ok(asked > 20, `only ${asked} requests`);
    assert.notEqual(await serialAt(server.port), before);
  });

  it("keeps its certificate when the next one cannot be used", async () => {
    const server = await serve({ tls: first });
    assert.throws(() => server.setTls({ ...second, key: first.key }));
    assert.equal(await ask(server.port, false), "POST 1000");
  });

  it("holds TLS connections to the same limits", async () => {
    const { port } = await serve({ tls: first, limits: { header: 150, body: 150, idle: 150, headerBytes: 2000 } });
    const slow = await raw(secure(port), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    assert.equal(statusOf(slow), "408");
    const huge = await raw(secure(port), `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(10_000)}\r\n\r\n`);
    assert.equal(statusOf(huge), "431");
    assert.equal(statusOf(await raw(secure(port), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  });

  it("shrugs off clients that speak no TLS, or one too old", async () => {
    const { port } = await serve({ tls: first });
    await send(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const old = tlsConnect({ port, host: HOST, servername: "hooks.test", ca: roots, maxVersion: "TLSv1.1" });
    await assert.rejects(once(old, "secureConnect"));
    assert.equal(await ask(port, false), "POST 1000");
  });

  it("stops while clients hold connections open", async () => {
    const server = await serve({ tls: first });
    const agent = new Agent({ keepAlive: true });
    await ask(server.port, agent);
    const silent = connect(server.port, HOST);
    silent.on("error", () => {});
    silent.write("\u0016"); // the first byte of a handshake that goes no further
    const stoppedAt = Date.now();
    await server.stop(500);
    silent.destroy();
    assert.ok(Date.now() - stoppedAt < 2000, "an idle connection held up the stop");
    agent.destroy();
  });
});
