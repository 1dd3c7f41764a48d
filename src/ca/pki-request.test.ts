/** Requests of others: only the key counts, and names that were not proven are refused. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Authority } from "./authority.ts";
import { Unreadable } from "./pem.ts";
import { parseRequest } from "./pki-request.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";
import { IssueRefused } from "./refusal.ts";
import { OpensslCa } from "./testing/openssl-ca.ts";

const HOUR = 3_600_000;
const SERVICE = { kind: "service", serviceAccount: { namespace: "shop", name: "a" } } as const;
const OWN = "DNS:a.shop.cluster.local,URI:spiffe://cluster.local/a/shop";
const EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

describe("a request from outside", () => {
  const openssl = new OpensslCa();
  let authority: Authority;
  before(async () => {
    const now = () => Date.now();
    const provider = await openBuiltin(await makeRoot({ now: now() }), now);
    authority = new Authority({ provider, trustDomain: "cluster.local", now });
  });
  after(() => openssl.remove());

  function request(subject: string, sans?: string, key: readonly string[] = EC): string {
    const names = sans === undefined ? [] : ["-addext", `subjectAltName=${sans}`];
    openssl.run(
      "req",
      "-new",
      "-newkey",
      ...key,
      "-nodes",
      "-subj",
      subject,
      "-keyout",
      "r.key",
      "-out",
      "r.csr",
      ...names,
    );
    return openssl.run("req", "-in", "r.csr");
  }

  for (const [what, subject, sans, key] of [
    ["without a name", "/", undefined, EC],
    ["with the identity's names", "/CN=a.shop.cluster.local", OWN, EC],
    ["with a P-384 key", "/", undefined, ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
    ["with an RSA key", "/", OWN, ["rsa:2048"]],
  ] as const) {
    it(`${what} gets a leaf with the names of the identity and its own key`, async () => {
      const leaf = await authority.sign(SERVICE, request(subject, sans, key), HOUR);
      openssl.verify(leaf.chain, authority.trustBundle().join(""));
      assert.equal(openssl.sansOf(leaf.chain), "DNS:a.shop.cluster.local, URI:spiffe://cluster.local/a/shop");
      const keyOf = openssl.run("pkey", "-in", "r.key", "-pubout");
      assert.equal(openssl.run("x509", "-in", openssl.file("r.crt", leaf.chain), "-noout", "-pubkey"), keyOf);
      assert.ok(!("key" in leaf));
    });
  }

  for (const [what, subject, sans] of [
    ["another common name", "/CN=b.shop.cluster.local", undefined],
    ["a second common name", "/CN=a.shop.cluster.local/CN=b.shop.cluster.local", undefined],
    ["another DNS name", "/", `${OWN},DNS:b.shop.cluster.local`],
    ["a wildcard", "/", "DNS:*.shop.cluster.local"],
    ["another SPIFFE ID", "/", "URI:spiffe://cluster.local/b/shop"],
    ["an address", "/", `${OWN},IP:10.0.0.1`],
    ["a mail address", "/", "email:a@b.c"],
  ] as const) {
    it(`with ${what} is refused`, async () => {
      await assert.rejects(
        authority.sign(SERVICE, request(subject, sans), HOUR),
        (error) => error instanceof IssueRefused && error.reason.kind === "request-mismatch",
      );
    });
  }

  it("that was not signed by its key, or has a weak one, is refused", async () => {
    const good = request("/");
    openssl.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "other.key");
    openssl.run("req", "-in", "r.csr", "-outform", "DER", "-out", "r.der");
    await parseRequest(good, "the request");
    const forged = good.replace(
      /(.)(.{5}\n-----END)/s,
      (_, one: string, rest: string) => `${one === "A" ? "B" : "A"}${rest}`,
    );
    for (const [pem, says] of [
      [forged, /cannot be read/],
      [request("/", undefined, ["rsa:1024"]), /its RSA key has 1024 bits/],
      [request("/", undefined, ["ed25519"]), /neither ECDSA P-256 or P-384 nor RSA/],
      [good + good, /there are 2 of them/],
      [openssl.root("root").certificate, /no "-----BEGIN CERTIFICATE REQUEST-----" block, found CERTIFICATE/],
    ] as const) {
      await assert.rejects(
        parseRequest(pem, "the request"),
        (error) => error instanceof Unreadable && says.test(error.message),
      );
    }
  });
});
