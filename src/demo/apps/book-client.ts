/**
 * bookbuyer and bookthief: clients that ask bookstore for books without end, and count what comes back.
 *
 * The two differ in name alone, as in OSM: the thief even wears the buyer's header. What tells them apart in the mesh
 * is the service account that their certificate proves.
 *
 * @module
 */
import { Hono } from "hono";
import { callHttp } from "../call.ts";
import { counterPage } from "../page.ts";
import { repeat } from "../rounds.ts";
import { type Served, serveHttp } from "../serve.ts";
import { readAddress, readNumber, readPause } from "../settings.ts";
import { addOutcome, byVersion, Counter, EMPTY_TALLY, type Raw, type Tally } from "../tally.ts";
import { type AppInput, probeRoutes } from "./app.ts";

export interface BookClient {
  readonly name: "bookbuyer" | "bookthief";
  /** What its page and `/raw` call a book: OSM's field names start with it. */
  readonly noun: "booksBought" | "booksStolen";
}

export const BOOKBUYER: BookClient = { name: "bookbuyer", noun: "booksBought" };
export const BOOKTHIEF: BookClient = { name: "bookthief", noun: "booksStolen" };

/** OSM's route group asks for a Go client; its demo was one. */
const USER_AGENT = { "user-agent": "Go-http-client/1.1" };
const BUYER_HEADERS = { ...USER_AGENT, "client-app": "bookbuyer" };

/** The counters of a client: every call, and the books among them. */
export class BookCounter extends Counter {
  #books: Tally = EMPTY_TALLY;

  addBook(outcome: Parameters<Counter["add"]>[0]): void {
    this.#books = addOutcome(this.#books, outcome);
  }

  get books(): Tally {
    return this.#books;
  }

  override reset(): void {
    super.reset();
    this.#books = EMPTY_TALLY;
  }
}

export function clientRoutes({ name, noun }: BookClient, counter: BookCounter): Hono {
  const books = (): Record<string, number> => {
    const { v1, v2 } = byVersion(counter.books);
    return { [noun]: counter.books.ok, [`${noun}V1`]: v1, [`${noun}V2`]: v2 };
  };
  const raw = (): Raw => ({ calls: { bookstore: counter.tally } });
  return new Hono()
    .route("/", probeRoutes())
    .get("/", (c) =>
      c.html(counterPage(name, { ...books(), requests: counter.tally.requests, denied: counter.tally.denied })),
    )
    .get("/raw", (c) => c.json({ ...books(), ...raw() }))
    .get("/reset", (c) => {
      counter.reset();
      return c.text("reset");
    });
}

/** Serves the counters and begins to ask for books at once. */
export async function startBookClient(client: BookClient, { env, port, log }: AppInput): Promise<Served> {
  const counter = new BookCounter(readNumber(env, "BOOKTHIEF_EXPECTED_RESPONSE_CODE", 0));
  const store = `http://${readAddress(env, "bookstore")}`;
  const pause = readPause(env);
  const served = await serveHttp(clientRoutes(client, counter), port);
  const stop = new AbortController();
  log(`${client.name} asks ${store} every ${pause} ms and shows its counters on port ${served.port}`);
  const rounds = repeat(pause, stop.signal, () => buyOnce(client, store, counter));
  return {
    port: served.port,
    async close() {
      stop.abort();
      await served.close();
      await rounds;
    },
  };
}

async function buyOnce({ name }: BookClient, store: string, counter: BookCounter): Promise<void> {
  const asked = await callHttp(`${store}/books-bought`, { headers: BUYER_HEADERS });
  counter.add(asked.outcome);
  const bought = await callHttp(`${store}/buy-a-book/new`, {
    headers: name === "bookthief" ? BUYER_HEADERS : USER_AGENT,
  });
  counter.add(bought.outcome);
  counter.addBook(bought.outcome);
}
