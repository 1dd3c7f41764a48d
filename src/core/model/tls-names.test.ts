import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CURVE_NAMES, distinctCurves, forBothKindsOfKeys, isCurve, isSuite, SUITE_NAMES } from "./tls-names.ts";

describe("names of TLS", () => {
  for (const name of [
    "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "[ECDHE-RSA-AES128-SHA|AES128-SHA]",
  ])
    it(`takes ${name}`, () => assert.ok(isSuite(name)));

  for (const name of [
    "",
    "[]",
    "[ECDHE-RSA-AES128-SHA|]",
    "[[ECDHE-RSA-AES128-SHA]]",
    "ecdhe-rsa-aes128-sha",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-SHA:AES128-SHA",
    "DHE-RSA-AES128-GCM-SHA256",
    "AES128-SHA256",
    "DES-CBC3-SHA",
    "PSK-AES128-CBC-SHA",
    "ALL",
    "!aNULL",
    "__proto__",
  ])
    it(`does not take ${JSON.stringify(name)}`, () => assert.ok(!isSuite(name)));

  it("knows curves by both of their names, and no others", () => {
    for (const name of CURVE_NAMES) assert.ok(isCurve(name));
    for (const name of ["P256", "secp256r1", "X448", "", "P-224"]) assert.ok(!isCurve(name), name);
  });

  it("has a curve once, whatever it is called", () => {
    assert.deepEqual(distinctCurves(["P-256", "x25519", "prime256v1", "X25519"]), ["P-256", "X25519"]);
  });

  it("gives every suite one for the other kind of key, once, in the order written", () => {
    assert.deepEqual(forBothKindsOfKeys([]), []);
    assert.deepEqual(forBothKindsOfKeys(["ECDHE-RSA-AES128-SHA", "TLS_RSA_WITH_AES_256_GCM_SHA384"]), [
      "ECDHE-RSA-AES128-SHA",
      "ECDHE-ECDSA-AES128-SHA",
      "TLS_RSA_WITH_AES_256_GCM_SHA384",
      "ECDHE-ECDSA-AES256-GCM-SHA384",
    ]);
    assert.deepEqual(forBothKindsOfKeys(["[ECDHE-ECDSA-AES128-SHA|ECDHE-ECDSA-CHACHA20-POLY1305]"]), [
      "[ECDHE-ECDSA-AES128-SHA|ECDHE-ECDSA-CHACHA20-POLY1305]",
      "[ECDHE-RSA-AES128-SHA|ECDHE-RSA-CHACHA20-POLY1305]",
    ]);
    const both = forBothKindsOfKeys(["ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"]);
    assert.deepEqual(both, ["ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"]);
    for (const name of SUITE_NAMES) {
      const twins = forBothKindsOfKeys([name]);
      assert.ok(twins.some((one) => one.includes("ECDSA")) && twins.some((one) => one.includes("RSA") || one === name));
      assert.ok(twins.every(isSuite));
    }
  });
});
