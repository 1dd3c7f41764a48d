import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DATABASE_PORT, readAddress, readNumber, readPause, splitAddress } from "./settings.ts";

describe("the environment", () => {
  it("gives pauses in fractions of a second, and one second by default", () => {
    assert.equal(readPause({ CI_SLEEP_BETWEEN_REQUESTS_SECONDS: "0.2" }), 200);
    assert.equal(readPause({}), 1000);
  });

  it("names the variable that holds no number", () => {
    assert.throws(() => readNumber({ X: "soon" }, "X", 1), /X is "soon"/);
    assert.throws(() => readNumber({ X: "-1" }, "X", 1), /X is "-1"/);
  });

  it("finds another application by its Service, its namespace or its address", () => {
    assert.equal(readAddress({}, "bookstore"), "bookstore.bookstore:14001");
    assert.equal(readAddress({ BOOKSTORE_NAMESPACE: "shop" }, "bookstore"), "bookstore.shop:14001");
    assert.equal(readAddress({ BOOKSTORE_ADDRESS: "127.0.0.1:9" }, "bookstore"), "127.0.0.1:9");
    assert.equal(readAddress({}, "database", { namespace: "w", port: DATABASE_PORT }), "database.w:3306");
  });

  it("refuses what is no address", () => {
    assert.deepEqual(splitAddress("a.b:80"), { host: "a.b", port: 80 });
    for (const bad of ["a.b", ":80", "a:0", "a:65536", "a:x", ""])
      assert.throws(() => splitAddress(bad), /is not HOST:PORT/, bad);
  });
});
