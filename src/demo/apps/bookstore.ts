/**
 * bookstore: sells books, says by its `Identity` header which version answered, and has the warehouse restock.
 *
 * @module
 */
import { Hono } from "hono";
import { callHttp } from "../call.ts";
import { counterPage } from "../page.ts";
import { pauseFor } from "../rounds.ts";
import { type Served, serveHttp } from "../serve.ts";
import { readAddress } from "../settings.ts";
import { Counter } from "../tally.ts";
import { type AppInput, probeRoutes } from "./app.ts";

/** What callers may send along so that one purchase is one trace, and get back. */
const TRACE_HEADERS = [
  "x-request-id",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  "b3",
];

export interface BookstoreDeps {
  readonly identity: string;
  readonly counter: Counter;
  /** Called once a book sold, not waited for. Must not reject. */
  readonly restock: (traceHeaders: Readonly<Record<string, string>>) => Promise<void>;
  /** Waits before a book is sold, as OSM's did (150 to 750 ms) where the environment asks for it. */
  readonly think: () => Promise<void>;
}

export function bookstoreRoutes({ identity, counter, restock, think }: BookstoreDeps): Hono {
  let sold = 0;
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("Identity", identity);
    c.header("Booksbought", String(sold));
    for (const [name, value] of Object.entries(traceHeaders(c.req.raw.headers))) c.header(name, value);
  });
  return app
    .route("/", probeRoutes())
    .get("/", (c) => c.html(counterPage(identity, { booksSold: sold })))
    .get("/raw", (c) => c.json({ booksSold: sold, calls: { bookwarehouse: counter.tally } }))
    .get("/books-bought", (c) => c.json({ booksSold: sold }))
    .post("/books-bought", async (c) => {
      const wanted: unknown = await c.req.json().catch(() => undefined);
      if (!isCount(wanted)) return c.json({ error: "the body must be a JSON number of at least 0" }, 400);
      sold = wanted;
      return c.json({ booksSold: sold });
    })
    .get("/buy-a-book/new", async (c) => {
      await think();
      sold += 1;
      void restock(traceHeaders(c.req.raw.headers));
      return c.json({ booksSold: sold });
    })
    .get("/reset", (c) => {
      sold = 0;
      counter.reset();
      return c.text("reset");
    });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function traceHeaders(headers: Headers): Record<string, string> {
  const found = TRACE_HEADERS.map((name) => [name, headers.get(name)] as const);
  return Object.fromEntries(found.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

export async function startBookstore({ env, port, log }: AppInput): Promise<Served> {
  const warehouse = readAddress(env, "bookwarehouse");
  const identity = env["IDENTITY"] || "bookstore";
  const counter = new Counter();
  const stop = new AbortController();
  // Without the port: policies written for OSM match the `host` header as its bookstore sent it.
  const host = warehouse.replace(/:\d+$/, "");
  const app = bookstoreRoutes({
    identity,
    counter,
    async restock(trace) {
      const headers = { ...trace, host, "content-type": "application/json" };
      const { outcome } = await callHttp(`http://${warehouse}/restock-books`, { method: "POST", headers, body: "1" });
      if (!stop.signal.aborted) counter.add(outcome);
    },
    think: () =>
      env["BOOKSTORE_RANDOM_SLEEP"] === "true" ? pauseFor(150 + Math.random() * 600, stop.signal) : Promise.resolve(),
  });
  const served = await serveHttp(app, port);
  log(`${identity} sells books on port ${served.port} and restocks from ${warehouse}`);
  return {
    port: served.port,
    close() {
      stop.abort();
      return served.close();
    },
  };
}
