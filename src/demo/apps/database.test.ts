import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MAX_LINE } from "../lines.ts";
import { answerName } from "../outcome.ts";
import { type Served, serveTcp } from "../serve.ts";
import { Counter } from "../tally.ts";
import { warehouseRoutes } from "./bookwarehouse.ts";
import { answerCommand, GREETING, startDatabase } from "./database.ts";
import { queryDatabase } from "./database-client.ts";
import { startBanner, startTcpEcho } from "./tcp-servers.ts";

const input = { env: { IDENTITY: "me" }, port: 0, log: () => undefined };

describe("answerCommand()", () => {
  it("counts, and explains what it does not know", () => {
    const counters = new Map<string, number>();
    assert.equal(answerCommand(counters, "INCR books 2"), "OK 2");
    assert.equal(answerCommand(counters, "incr books 3"), "OK 5");
    assert.equal(answerCommand(counters, "GET books"), "OK 5");
    assert.equal(answerCommand(counters, "GET other"), "OK 0");
    for (const bad of ["INCR books", "INCR books x", "INCR", "GET", "DROP books", ""]) {
      assert.match(answerCommand(counters, bad) ?? "", /^ERR /, bad);
    }
    assert.equal(answerCommand(counters, "QUIT"), undefined);
    assert.equal(answerCommand(counters, "GET books"), "OK 5");
  });
});

describe("the database on its socket", () => {
  let database: Served;
  before(async () => {
    database = await startDatabase(input);
  });
  after(() => database.close());
  const at = () => ({ host: "127.0.0.1", port: database.port });

  it("speaks first: its greeting comes without a byte from the client", async () => {
    const socket = connect(at());
    const [greeting] = await new Promise<[Buffer]>((resolve) => socket.once("data", (data: Buffer) => resolve([data])));
    assert.equal(greeting.toString(), `${GREETING}\n`);
    socket.destroy();
  });

  it("counts for many connections at once", async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => queryDatabase(at(), "INCR many 1")));
    assert.deepEqual(
      replies.map(({ value }) => value).sort((a, b) => Number(a) - Number(b)),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  it("tells an error as a failed call", async () => {
    const reply = await queryDatabase(at(), "DROP books");
    assert.equal(answerName(reply.outcome), "500");
    assert.match(reply.detail, /"DROP" is no command/);
  });

  it("survives connections that are reset in the middle of a line, and closes on an endless line", async () => {
    for (let i = 0; i < 10; i++) {
      const socket = connect(at());
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.write("INCR a 1\nINCR a");
      socket.resetAndDestroy();
    }
    const endless = connect(at());
    endless.on("error", () => undefined);
    endless.resume();
    const closed = new Promise((resolve) => endless.once("close", resolve));
    endless.write("x".repeat(2 * MAX_LINE));
    await closed;
    assert.equal((await queryDatabase(at(), "GET untouched")).value, 0);
  });
});

describe("queryDatabase() says why there was no reply when the server", () => {
  const query = async (onConnection: Parameters<typeof serveTcp>[1]) => {
    const served = await serveTcp(0, onConnection);
    const reply = await queryDatabase({ host: "127.0.0.1", port: served.port }, "GET x", 150);
    await served.close();
    return answerName(reply.outcome);
  };
  it("closes before it greets", async () => assert.equal(await query((socket) => socket.end()), "reset"));
  it("closes after it greets", async () => assert.equal(await query((socket) => socket.end("hello\n")), "reset"));
  it("never greets", async () => assert.equal(await query((socket) => socket.resume()), "timeout"));
  it("is not there", async () => {
    const reply = await queryDatabase({ host: "127.0.0.1", port: 1 }, "GET x");
    assert.equal(answerName(reply.outcome), "refused");
    assert.equal(reply.value, undefined);
  });
});

describe("bookwarehouse", () => {
  const silence = {
    outcome: { kind: "silence", why: "refused", detail: "no" },
    value: undefined,
    detail: "no",
  } as const;
  const reply = (value: number) =>
    ({ outcome: { kind: "answer", status: 200, server: "", identity: "" }, value, detail: "" }) as const;

  it("adds to the total on both of its paths", async () => {
    const commands: string[] = [];
    const app = warehouseRoutes({ counter: new Counter(), query: async (command) => reply(commands.push(command)) });
    assert.deepEqual(await (await app.request("/restock-books", { method: "POST", body: "1" })).json(), {
      restocked: 1,
    });
    assert.deepEqual(await (await app.request("/", { method: "POST", body: "5" })).json(), { restocked: 2 });
    assert.deepEqual(commands, ["INCR books 1", "INCR books 5"]);
  });

  it("refuses what is no number of books, and asks nobody", async () => {
    const app = warehouseRoutes({ counter: new Counter(), query: () => assert.fail("asked") });
    for (const body of ["", "0", "-1", "1.5", "many"]) {
      assert.equal((await app.request("/restock-books", { method: "POST", body })).status, 400, body);
    }
    assert.equal((await app.request("/restock-books")).status, 404);
  });

  it("answers 502 without its database, and counts the call", async () => {
    const counter = new Counter();
    const app = warehouseRoutes({ counter, query: async () => silence });
    assert.equal((await app.request("/restock-books", { method: "POST", body: "1" })).status, 502);
    assert.deepEqual(counter.tally.answers, { refused: 1 });
    assert.equal((await app.request("/readiness")).status, 200);
  });
});

describe("tcp-echo and banner", () => {
  /** Sends the pieces one by one and hears `lines` lines. */
  const talk = async (port: number, pieces: readonly string[], lines: number): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let heard = "";
    const enough = new Promise<void>((resolve) => {
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        heard += chunk;
        if (heard.split("\n").length > lines) resolve();
      });
    });
    for (const piece of pieces) {
      socket.write(piece);
      await sleep(5);
    }
    await enough;
    socket.destroy();
    return heard;
  };

  it("echo lines, cut anywhere", async () => {
    const echo = await startTcpEcho(input);
    const heard = await talk(echo.port, ["hel", "lo\r\nwö", "rld\n\n", "unended"], 3);
    assert.equal(heard, "echo response: hello\necho response: wörld\necho response: \n");
    await echo.close();
  });

  it("greet without being asked", async () => {
    const banner = await startBanner(input);
    assert.equal(await talk(banner.port, [], 1), "hello from me\n");
    await banner.close();
  });
});
