import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultyNames } from "./answer.ts";
import { readPeer, splitNames } from "./peer.ts";

const CERTIFICATE = {
  subject: { CN: "proxy" },
  subjectaltname: "DNS:a.test, URI:spiffe://td/sa/ns",
  valid_to: "Nov 23 12:00:00 2030 GMT",
  serialNumber: "0A",
  raw: new Uint8Array([48, 0]),
};

function socket(certificate: object, authorized = true) {
  // Only the fields that are read; the runtime's type has many more.
  return { authorized, getPeerCertificate: () => certificate as never };
}

describe("readPeer()", () => {
  it("reads names and expiry", () => {
    assert.deepEqual(readPeer(socket(CERTIFICATE)), {
      commonName: "proxy",
      uriSans: ["spiffe://td/sa/ns"],
      dnsSans: ["a.test"],
      notAfter: Date.UTC(2030, 10, 23, 12),
      serialNumber: "0A",
      raw: new Uint8Array([48, 0]),
    });
  });

  for (const [what, peer] of [
    ["no socket", undefined],
    ["a socket without TLS", { remoteAddress: "10.0.0.1" }],
    ["a certificate that was not verified", socket(CERTIFICATE, false)],
    ["no certificate", socket({})],
    ["no common name", socket({ ...CERTIFICATE, subject: {} })],
    ["an empty common name", socket({ ...CERTIFICATE, subject: { CN: "" } })],
    ["two common names", socket({ ...CERTIFICATE, subject: { CN: ["proxy", "admin"] } })],
    ["an expiry that cannot be read", socket({ ...CERTIFICATE, valid_to: "soon" })],
  ] as const) {
    it(`proves nothing with ${what}`, () => assert.equal(readPeer(peer), undefined));
  }
});

describe("splitNames()", () => {
  it("does not take the inside of a quoted name for another name", () => {
    assert.deepEqual(splitNames('DNS:"a.test, URI:spiffe://td/admin/ns", DNS:b.test'), [
      "DNS:a.test, URI:spiffe://td/admin/ns",
      "DNS:b.test",
    ]);
  });
});

describe("faultyNames()", () => {
  it("finds whole names, and takes all if it finds none", () => {
    const names = ["ns/web|80", "ns/web|8080", "ns/web-v2|80"];
    assert.deepEqual(faultyNames("Error adding/updating cluster(s) ns/web|8080: bad", names), ["ns/web|8080"]);
    assert.deepEqual(faultyNames("cluster(s) ns/web|80: bad, ns/web-v2|80: worse", names), [
      "ns/web|80",
      "ns/web-v2|80",
    ]);
    assert.deepEqual(faultyNames("Proto constraint validation failed", names), names);
  });
});
