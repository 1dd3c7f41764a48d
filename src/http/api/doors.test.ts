import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { appOf, get, HEADERS, problemOf, TOKEN } from "../../../test/support/api-calls.ts";
import { API_UUID, sampleMesh, WEB_UUID } from "../testing/sample-mesh.ts";

describe("API errors", () => {
  it("are problems with a way out", async () => {
    for (const path of ["/api/v1/nothing", "/", "/api/v1/status/", `/api/v1/proxies/${API_UUID}0`]) {
      assert.equal((await problemOf(await get(path))).status, 404, path);
    }
    const wrongMethod = await get("/api/v1/status", {}, "POST");
    assert.equal(wrongMethod.headers.get("allow"), "GET, HEAD");
    assert.match((await problemOf(wrongMethod)).detail, /POST is not for \/api\/v1\/status: use GET/);
    for (const method of ["OPTIONS", "PUT", "DELETE", "PATCH"]) {
      assert.equal((await problemOf(await get("/openapi.json", {}, method))).status, 405, method);
    }
  });

  it("refuse what the client cannot read", async () => {
    const statusFor = async (accept: string) => (await get("/api/v1/status", { accept })).status;
    for (const accept of ["application/json", "APPLICATION/JSON", "*/*", "text/html, application/*;q=0.1", ""]) {
      assert.equal(await statusFor(accept), 200, accept);
    }
    for (const accept of ["text/html", "application/json;q=0", "*/*, application/json;q=0", "application/xml"]) {
      assert.equal(await statusFor(accept), 406, accept);
    }
    assert.equal((await problemOf(await get("/api/v1/status", { accept: "image/png" }))).status, 406);
  });

  it("tell nothing of what broke inside", async () => {
    const errors: Error[] = [];
    const broken = sampleMesh({
      certificates: () => Promise.reject(new Error("the secret inside")),
      mode: () => {
        throw new Error("the secret inside");
      },
    });
    const app = appOf(broken, (error) => errors.push(error));
    for (const path of ["/api/v1/certificates", "/api/v1/status"]) {
      const response = await app.request(path, { headers: HEADERS });
      assert.doesNotMatch((await problemOf(response)).detail, /secret/);
      assert.equal(response.status, 500);
      assert.equal(response.headers.get("cache-control"), "no-store");
    }
    assert.equal(errors.length, 2);
  });
});

describe("API doors", () => {
  it("let nobody in without the token, nor tell what is there", async () => {
    const app = appOf();
    const bodies = new Set<string>();
    for (const path of ["/api/v1/status", "/openapi.json", "/", "/nothing", `/api/v1/proxies/${WEB_UUID}`]) {
      const response = await app.request(path, { headers: { host: "localhost" } });
      assert.equal(response.status, 401, path);
      assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="osm"');
      bodies.add((await problemOf(response)).detail);
    }
    assert.equal(bodies.size, 1);
    for (const authorization of [
      "Bearer wrong",
      "Bearer ",
      "Bearer t0ken t0ken",
      "Basic dDBrZW46",
      "Bearer\tt0ken",
      TOKEN,
    ]) {
      const response = await app.request("/api/v1/status", { headers: { host: "localhost", authorization } });
      assert.equal(response.status, 401, authorization);
      assert.match(response.headers.get("www-authenticate") ?? "", /invalid_token/);
    }
    const byQuery = await app.request(`/api/v1/status?access_token=${TOKEN}`, { headers: { host: "localhost" } });
    assert.equal(byQuery.status, 401);
  });

  it("are shut to pages of other origins, whatever they show", async () => {
    const refused = [
      { origin: "http://evil.example" },
      { origin: "null" },
      { origin: "http://localhost:9093" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site", origin: "http://localhost:9092" },
    ];
    for (const headers of refused) {
      const response = await get("/api/v1/status", headers);
      assert.equal((await problemOf(response)).status, 403, JSON.stringify(headers));
      assert.equal(response.headers.get("access-control-allow-origin"), null);
    }
    const preflight = await get("/api/v1/status", { origin: "http://evil.example" }, "OPTIONS");
    assert.equal(preflight.status, 403);
    for (const headers of [
      { origin: "http://localhost:9092", "sec-fetch-site": "same-origin" },
      { origin: "https://localhost:9092" },
      { "sec-fetch-site": "none" },
    ]) {
      const response = await get("/api/v1/status", headers);
      assert.equal(response.status, 200, JSON.stringify(headers));
      assert.ok(![...response.headers.keys()].some((name) => name.startsWith("access-control-")));
    }
  });

  it("answer to our own names alone", async () => {
    const statusFor = async (host: string) => (await get("/api/v1/status", { host })).status;
    for (const host of [
      "localhost",
      "LOCALHOST:9092",
      "127.0.0.1:9092",
      "10.202.1.7",
      "[::1]:9092",
      "osm-controller.osm-system.svc:9092",
      "osm-controller.osm-system.svc.",
    ]) {
      assert.equal(await statusFor(host), 200, host);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "osm-controller"]) {
      assert.equal(await statusFor(host), 421, host);
    }
    for (const host of ["a/b", "user@localhost", "local host", "localhost:99999"]) {
      assert.equal(await statusFor(host), 400, host);
    }
    const withoutHost = await appOf().request("/api/v1/status", { headers: { authorization: HEADERS.authorization } });
    assert.equal(withoutHost.status, 400);
  });
});
