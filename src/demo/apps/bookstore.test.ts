import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Counter } from "../tally.ts";
import { type BookstoreDeps, bookstoreRoutes } from "./bookstore.ts";

function store(change: Partial<BookstoreDeps> = {}) {
  return bookstoreRoutes({
    identity: "bookstore-v1",
    counter: new Counter(),
    restock: () => Promise.resolve(),
    think: () => Promise.resolve(),
    ...change,
  });
}

describe("bookstore", () => {
  it("counts a sold book, names itself and restocks", async () => {
    const restocked: unknown[] = [];
    const app = store({ restock: async (trace) => void restocked.push(trace) });
    await app.request("/buy-a-book/new");
    const answer = await app.request("/buy-a-book/new", { headers: { "x-b3-traceid": "7", "x-other": "8" } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("Identity"), "bookstore-v1");
    assert.equal(answer.headers.get("Booksbought"), "2");
    assert.equal(answer.headers.get("x-b3-traceid"), "7");
    assert.equal(answer.headers.get("x-other"), null);
    assert.deepEqual(restocked, [{}, { "x-b3-traceid": "7" }]);
  });

  it("answers before the warehouse does", async () => {
    const app = store({ restock: () => new Promise<void>(() => undefined) });
    assert.equal((await app.request("/buy-a-book/new")).status, 200);
  });

  it("sells nothing when it is only asked", async () => {
    const app = store();
    assert.equal((await app.request("/books-bought")).headers.get("Booksbought"), "0");
  });

  it("lets the number be set, and refuses what is none", async () => {
    const app = store();
    const set = (body: string) => app.request("/books-bought", { method: "POST", body });
    assert.equal((await set("41")).status, 200);
    for (const bad of ["-1", "1.5", '"3"', "", "{}"]) assert.equal((await set(bad)).status, 400, bad);
    assert.equal((await app.request("/buy-a-book/new")).headers.get("Booksbought"), "42");
    await app.request("/reset");
    assert.deepEqual(await (await app.request("/books-bought")).json(), { booksSold: 0 });
  });

  it("answers probes, its page, and no page that it does not have", async () => {
    const app = store({ identity: "<script>" });
    for (const path of ["/liveness", "/readiness", "/startup", "/raw"])
      assert.equal((await app.request(path)).status, 200, path);
    assert.equal((await app.request("/favicon.ico")).status, 204);
    assert.equal((await app.request("/nothing")).status, 404);
    const page = await (await app.request("/")).text();
    assert.ok(page.includes("&lt;script&gt;") && !page.includes("<script>"), page);
  });
});
