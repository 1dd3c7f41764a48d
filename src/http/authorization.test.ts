import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Hono } from "hono";
import { Redacted } from "../core/base/redacted.ts";
import { type Access, type Decision, requireToken } from "./authorization.ts";
import { answerProblems } from "./problem.ts";
import { createToken, tokenAuthorizer } from "./token-authorizer.ts";

function appOf(decide: (token: string, access: Access) => Promise<Decision>) {
  const app = new Hono();
  answerProblems(app, () => {});
  return app.use(requireToken({ authorize: decide })).get("/a", (c) => c.text("inside"));
}

const ask = async (app: Hono, init: RequestInit = {}) =>
  await app.request("/a", { headers: { authorization: "Bearer t" }, ...init });

describe("requireToken", () => {
  it("asks for the method and the path that are routed", async () => {
    const seen: unknown[] = [];
    const app = appOf(async (token, access) => {
      seen.push([token, access]);
      return { kind: "allowed", user: "u" };
    });
    assert.equal(await (await ask(app)).text(), "inside");
    await ask(app, { method: "HEAD" });
    await app.request("/b/../a?x=/api", { headers: { authorization: "bearer t" } });
    assert.deepEqual(seen, Array(3).fill(["t", { verb: "get", path: "/a" }]));
  });

  it("turns each kind of no into its status, and goes no further", async () => {
    const table: readonly (readonly [Decision, number, RegExp])[] = [
      [{ kind: "unauthenticated" }, 401, /not known, or has expired/],
      [{ kind: "forbidden", user: "bob", way: "ask alice" }, 403, /bob may not get \/a: ask alice/],
      [{ kind: "unavailable", reason: "nobody home" }, 503, /could not be checked: nobody home/],
    ];
    for (const [decision, status, detail] of table) {
      const response = await ask(appOf(async () => decision));
      assert.equal(response.status, status);
      assert.match(await response.text(), detail);
    }
  });

  it("lets nobody in when the authorizer throws", async () => {
    const response = await ask(appOf(() => Promise.reject(new Error("oops"))));
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /inside|oops/);
  });

  it("passes on no token that is none", async () => {
    const app = appOf(() => assert.fail("asked"));
    for (const authorization of [
      "Bearer",
      "Bearer a b",
      "Bearer a\u00e9",
      `Bearer ${"a".repeat(9000)}`,
      "Basic a",
      "",
    ]) {
      assert.equal((await ask(app, { headers: { authorization } })).status, 401, authorization.slice(0, 20));
    }
  });
});

describe("the one token of a machine", () => {
  it("is long, new each time, hidden, and fit for a header", async () => {
    const [one, two] = [createToken(), createToken()];
    assert.notEqual(one.reveal(), two.reveal());
    assert.match(one.reveal(), /^[0-9a-f]{64}$/);
    assert.doesNotMatch(`${one} ${JSON.stringify(one)}`, new RegExp(one.reveal()));
  });

  it("lets in itself and nothing like it", async () => {
    const token = createToken();
    const { authorize } = tokenAuthorizer(token, "local");
    const access = { verb: "get", path: "/" };
    assert.deepEqual(await authorize(token.reveal(), access), { kind: "allowed", user: "local" });
    for (const other of [
      "",
      token.reveal().slice(1),
      `${token.reveal()}0`,
      token.reveal().toUpperCase(),
      String(token),
    ]) {
      assert.deepEqual(await authorize(other, access), { kind: "unauthenticated" });
    }
  });

  it("is never empty", () => {
    assert.throws(() => tokenAuthorizer(new Redacted(""), "local"), /empty token/);
  });
});
