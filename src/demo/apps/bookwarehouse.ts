/**
 * bookwarehouse: adds restocked books to a total that the database keeps.
 *
 * @module
 */
import { Hono } from "hono";
import { counterPage } from "../page.ts";
import { type Served, serveHttp } from "../serve.ts";
import { DATABASE_PORT, readAddress, splitAddress } from "../settings.ts";
import { Counter } from "../tally.ts";
import { type AppInput, probeRoutes } from "./app.ts";
import { type DatabaseReply, queryDatabase } from "./database-client.ts";

/** The row that holds the number of books. */
const BOOKS = "books";

export interface WarehouseDeps {
  readonly counter: Counter;
  /** Sends one command line to the database. Must not reject. */
  readonly query: (command: string) => Promise<DatabaseReply>;
}

export function warehouseRoutes({ counter, query }: WarehouseDeps): Hono {
  let total = 0;
  const app = new Hono();
  for (const path of ["/", "/restock-books"]) {
    app.post(path, async (c) => {
      const amount = Number(await c.req.text());
      if (!Number.isSafeInteger(amount) || amount < 1)
        return c.json({ error: "the body must be a whole number of at least 1" }, 400);
      const reply = await query(`INCR ${BOOKS} ${amount}`);
      counter.add(reply.outcome);
      if (reply.value === undefined) return c.json({ error: `the database did not take it: ${reply.detail}` }, 502);
      total = reply.value;
      return c.json({ restocked: total });
    });
  }
  return app
    .route("/", probeRoutes())
    .get("/", (c) => c.html(counterPage("bookwarehouse", { restocked: total })))
    .get("/raw", (c) => c.json({ restocked: total, calls: { database: counter.tally } }))
    .get("/reset", (c) => {
      counter.reset();
      return c.text("reset");
    });
}

export async function startBookwarehouse({ env, port, log }: AppInput): Promise<Served> {
  const address = readAddress(env, "database", {
    namespace: env["BOOKWAREHOUSE_NAMESPACE"] || "bookwarehouse",
    port: DATABASE_PORT,
  });
  const database = splitAddress(address);
  const app = warehouseRoutes({ counter: new Counter(), query: (command) => queryDatabase(database, command) });
  const served = await serveHttp(app, port);
  log(`bookwarehouse takes books on port ${served.port} and counts them in ${address}`);
  return served;
}
