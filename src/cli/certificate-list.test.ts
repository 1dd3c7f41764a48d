import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { listLines } from "./certificate.ts";
import { Certificates } from "./certificate-answers.ts";

const NOW = Date.UTC(2026, 10, 23);
const certificate = (fingerprint: string, subject: string, hours: number) => ({
  serial: "0a",
  subject,
  issuer: "CN=root",
  notBefore: "2026-11-22T00:00:00.000Z",
  notAfter: new Date(NOW + hours * 3_600_000).toISOString(),
  keyAlgorithm: "ECDSA P-256",
  fingerprint,
});
const ROOT = "f".repeat(64);
const answer = v.parse(Certificates, {
  replicas: [{ name: "local", leader: true, self: true }],
  providers: [
    { name: "builtin", signing: false },
    { name: "vault", signing: true, outage: { since: "2026-11-22T23:50:00.000Z", seconds: 600, kind: "sealed" } },
  ],
  roots: [{ ...certificate(ROOT, "CN=root", 8760), signing: true }],
  intermediates: [{ ...certificate("e".repeat(64), "CN=issuing", 72), root: ROOT }],
  identities: [
    {
      ...certificate("1".repeat(64), "CN=web", 23),
      namespace: "shop",
      serviceAccount: "web",
      dnsNames: [],
      uris: [],
      root: ROOT,
      heldBy: ["a", "b"],
    },
  ],
});

describe("osm certificate list", () => {
  it("says who signs and who does not, then roots, intermediates and identities", () => {
    assert.deepEqual(listLines(answer, NOW), [
      "PROVIDER  SIGNS  STATE",
      "builtin   no     ok",
      "vault     yes    gives no certificates for 10m (sealed)",
      "",
      "ROOT              SUBJECT  KEY          SIGNS  ENDS IN",
      "ffffffffffffffff  CN=root  ECDSA P-256  yes    365d",
      "",
      "INTERMEDIATE      SUBJECT     ROOT              ENDS IN",
      "eeeeeeeeeeeeeeee  CN=issuing  ffffffffffffffff  3d",
      "",
      "NAMESPACE  ACCOUNT  SERIAL  ROOT              ENDS IN  HELD BY",
      "shop       web      0a      ffffffffffffffff  23h      2",
    ]);
  });

  it("says whose view it is where there are several replicas", () => {
    const replicas = ["a", "b", "c"].map((name) => ({ name, self: name === "b" }));
    const [first] = listLines({ ...answer, replicas }, NOW);
    assert.equal(
      first,
      "As replica b sees it: HELD BY counts the proxies that are connected to it. There are also: a, c",
    );
  });

  it("leaves intermediates out where there are none", () => {
    const lines = listLines({ ...answer, intermediates: [] }, NOW);
    assert.ok(!lines.some((line) => line.startsWith("INTERMEDIATE")));
    assert.equal(lines.filter((line) => line === "").length, 2);
  });
});
