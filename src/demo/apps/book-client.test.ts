import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Hono } from "hono";
import * as v from "valibot";
import { serveHttp } from "../serve.ts";
import { RawSchema } from "../tally.ts";
import { BOOKBUYER, BOOKTHIEF, BookCounter, clientRoutes, startBookClient } from "./book-client.ts";

const sold = (identity: string) => ({ kind: "answer", status: 200, server: "", identity }) as const;

describe("a book client's counters", () => {
  it("tell OSM's names and the calls", async () => {
    const counter = new BookCounter();
    counter.add(sold("bookstore-v1"));
    counter.add(sold("bookstore-v2"));
    counter.addBook(sold("bookstore-v2"));
    const raw = await (await clientRoutes(BOOKTHIEF, counter).request("/raw")).json();
    assert.equal(raw.booksStolen, 1);
    assert.equal(raw.booksStolenV1, 0);
    assert.equal(raw.booksStolenV2, 1);
    assert.deepEqual(v.parse(RawSchema, raw).calls["bookstore"]?.by_identity, { "bookstore-v1": 1, "bookstore-v2": 1 });
  });

  it("go to zero on /reset", async () => {
    const counter = new BookCounter();
    counter.add(sold("bookstore-v1"));
    counter.addBook(sold("bookstore-v1"));
    const app = clientRoutes(BOOKBUYER, counter);
    assert.ok((await (await app.request("/")).text()).includes("<td>booksBought</td><td>1</td>"));
    await app.request("/reset");
    const raw = await (await app.request("/raw")).json();
    assert.equal(raw.booksBought, 0);
    assert.equal(raw.calls.bookstore.requests, 0);
  });
});

describe("bookbuyer and bookthief ask with the headers that OSM's route group wants", () => {
  for (const [client, buysAs] of [
    [BOOKBUYER, null],
    [BOOKTHIEF, "bookbuyer"],
  ] as const) {
    it(client.name, async () => {
      const seen = new Map<string, Headers>();
      const app = new Hono().get("*", (c) => {
        seen.set(c.req.path, c.req.raw.headers);
        return c.text("");
      });
      const store = await serveHttp(app, 0);
      const env = { BOOKSTORE_ADDRESS: `127.0.0.1:${store.port}`, CI_SLEEP_BETWEEN_REQUESTS_SECONDS: "0.01" };
      const running = await startBookClient(client, { env, port: 0, log: () => undefined });
      while (seen.size < 2) await sleep(5);
      await running.close();
      await store.close();
      assert.equal(seen.get("/books-bought")?.get("client-app"), "bookbuyer");
      assert.match(seen.get("/books-bought")?.get("user-agent") ?? "", /^.*-http-client\/*.*$/);
      assert.equal(seen.get("/buy-a-book/new")?.get("client-app"), buysAs);
    });
  }
});
