import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, describe, it } from "node:test";
import { Hono } from "hono";
import { callHttp } from "./call.ts";
import { answerName, judge } from "./outcome.ts";
import { type Served, serveHttp, serveTcp } from "./serve.ts";

const open: Served[] = [];
after(async () => {
  for (const served of open) await served.close();
});

async function tcp(onConnection: (socket: Socket) => void): Promise<string> {
  const served = await serveTcp(0, onConnection);
  open.push(served);
  return `http://127.0.0.1:${served.port}/`;
}

describe("callHttp() names what happened when the server", () => {
  it("does not listen", async () => {
    const served = await serveTcp(0, () => undefined);
    await served.close();
    const { outcome } = await callHttp(`http://127.0.0.1:${served.port}/`);
    assert.equal(answerName(outcome), "refused");
  });

  it("closes at once, as a listener without a fitting chain does", async () => {
    const { outcome } = await callHttp(await tcp((socket) => socket.destroy()));
    assert.equal(answerName(outcome), "reset");
  });

  it("resets after the request", async () => {
    const url = await tcp((socket) => socket.once("data", () => socket.resetAndDestroy()));
    assert.equal(answerName((await callHttp(url)).outcome), "reset");
  });

  it("says nothing", async () => {
    const { outcome } = await callHttp(await tcp((socket) => socket.resume()), { timeout: 100 });
    assert.equal(answerName(outcome), "timeout");
    assert.equal(judge(outcome), "failed");
  });

  it("stops in the middle of its answer", async () => {
    const url = await tcp((socket) => {
      socket.once("data", () =>
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal", () => socket.destroy()),
      );
    });
    assert.notEqual(judge((await callHttp(url)).outcome), "ok");
  });

  it("stalls in the middle of its answer", async () => {
    const url = await tcp((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal"));
    });
    assert.equal(answerName((await callHttp(url, { timeout: 100 })).outcome), "timeout");
  });

  it("has no name in the DNS", async () => {
    const { outcome } = await callHttp("http://bookstore.invalid:14001/");
    assert.equal(judge(outcome), "failed");
  });

  it("answers", async () => {
    const app = new Hono().post("/x", async (c) =>
      c.json({ host: c.req.header("host"), body: await c.req.text() }, 201, { Identity: "me", Server: "envoy" }),
    );
    const served = await serveHttp(app, 0);
    open.push(served);
    const options = { method: "POST", body: "ü1", headers: { host: "bookwarehouse.bookwarehouse" } };
    const { outcome, body } = await callHttp(`http://127.0.0.1:${served.port}/x`, options);
    assert.deepEqual(outcome, { kind: "answer", status: 201, server: "envoy", identity: "me" });
    assert.deepEqual(JSON.parse(body), { host: "bookwarehouse.bookwarehouse", body: "ü1" });
  });
});

describe("serveHttp()", () => {
  it("rejects when the port is taken", async () => {
    const first = await serveHttp(new Hono(), 0);
    open.push(first);
    await assert.rejects(serveHttp(new Hono(), first.port), /EADDRINUSE|in use/i);
  });
});
