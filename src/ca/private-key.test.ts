import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Redacted } from "../core/base/redacted.ts";
import { makeKeyPair, toKeyPem } from "./keys.ts";
import { parsePem, toPem, Unreadable } from "./pem.ts";
import { parseCertificate, splitChain } from "./pki-read.ts";
import { parsePrivateKey } from "./private-key.ts";
import { makeRoot } from "./providers/builtin.ts";

function openssl(...args: readonly string[]): string {
  return execFileSync("openssl", [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

async function unreadable(pem: string): Promise<Unreadable> {
  const error = await parsePrivateKey(new Redacted(pem), "private.key").then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Unreadable, `${error}`);
  assert.ok(error.message.startsWith("private.key: "), error.message);
  return error;
}

describe("private keys in the forms that people have", () => {
  const FORMS: readonly (readonly [string, readonly string[], string, string])[] = [
    ["PKCS#8 P-256", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ECDSA", "SHA-256"],
    ["PKCS#8 P-384", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ECDSA", "SHA-384"],
    [
      "PKCS#8 RSA",
      ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
      "RSASSA-PKCS1-v1_5",
      "SHA-256",
    ],
    ["PKCS#1 RSA", ["genrsa", "-traditional", "2048"], "RSASSA-PKCS1-v1_5", "SHA-256"],
    ["SEC1 P-256", ["ecparam", "-genkey", "-noout", "-name", "prime256v1"], "ECDSA", "SHA-256"],
    ["SEC1 P-256 after its parameters", ["ecparam", "-genkey", "-name", "prime256v1"], "ECDSA", "SHA-256"],
    ["SEC1 P-384", ["ecparam", "-genkey", "-noout", "-name", "secp384r1"], "ECDSA", "SHA-384"],
  ];
  for (const [form, args, algorithm, hash] of FORMS) {
    it(form, async () => {
      const pem = openssl(...args);
      const signing = await parsePrivateKey(new Redacted(pem), "private.key");
      assert.deepEqual([signing.key.algorithm.name, signing.hash], [algorithm, hash]);
      const windows = await parsePrivateKey(new Redacted(pem.replaceAll("\n", "\r\n")), "private.key");
      assert.equal(windows.hash, hash);
    });
  }

  it("refuses what it cannot use, and says what it could", async () => {
    assert.match(
      (await unreadable(openssl("genrsa", "-traditional", "1024"))).message,
      /RSA of 1024 bits; use ECDSA P-256/,
    );
    assert.equal((await unreadable(openssl("genpkey", "-algorithm", "ed25519"))).reason.kind, "key-unsupported");
    assert.equal(
      (await unreadable(openssl("ecparam", "-genkey", "-noout", "-name", "secp256k1"))).reason.kind,
      "key-unsupported",
    );
    assert.equal((await unreadable(openssl("dsaparam", "-genkey", "-noout", "1024"))).reason.kind, "key-unsupported");
  });

  it("refuses encrypted keys with the command that decrypts them", async () => {
    const pkcs8 = openssl("genpkey", "-algorithm", "RSA", "-aes256", "-pass", "pass:secret");
    assert.match((await unreadable(pkcs8)).message, /without a passphrase \(openssl pkey/);
    const old = openssl("genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "2048");
    assert.equal((await unreadable(old)).reason.kind, "key-encrypted");
  });
});

describe("any bytes at all", () => {
  const runs = { numRuns: 150 };
  const labels = fc.constantFrom("CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "X");

  async function onlyUnreadable(read: () => unknown): Promise<void> {
    try {
      await read();
    } catch (error) {
      assert.ok(error instanceof Unreadable, `${error instanceof Error ? error.stack : error}`);
    }
  }

  async function readAll(text: string): Promise<void> {
    await onlyUnreadable(() => parsePem(text, "x"));
    await onlyUnreadable(() => splitChain(text, "x"));
    await onlyUnreadable(() => parseCertificate(text, "x"));
    await onlyUnreadable(() => parsePrivateKey(new Redacted(text), "x"));
  }

  it("PEM comes back as it went", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (der) => {
        assert.deepEqual(parsePem(`about\n${toPem("X", der)}\n`, "x"), [{ label: "X", der: Uint8Array.from(der) }]);
      }),
    );
  });

  it("text of any kind gives the typed error or none", async () => {
    const lines = fc.oneof(
      labels.map((l) => `-----BEGIN ${l}-----`),
      labels.map((l) => `-----END ${l}-----`),
      fc.base64String(),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(lines), (parts) => readAll(parts.join("\n"))),
      runs,
    );
  });

  it("DER of any kind gives the typed error or none", async () => {
    const blocks = fc.tuple(labels, fc.uint8Array({ minLength: 1, maxLength: 200 }));
    await fc.assert(
      fc.asyncProperty(blocks, ([label, der]) => readAll(toPem(label, der))),
      runs,
    );
  });

  it("a certificate or key with bytes changed or cut gives the typed error or none", async () => {
    const root = await makeRoot({ now: Date.now() });
    const rsa = (await toKeyPem((await makeKeyPair({ kind: "rsa", bits: 2048 })).privateKey)).reveal();
    const originals = [root.certificate, root.privateKey.reveal(), rsa].flatMap((pem) => parsePem(pem, "x"));
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...originals), changes, fc.nat(), async ({ label, der }, edits, cut) => {
        const bytes = Uint8Array.from(der);
        for (const [at, change] of edits) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ change;
        await readAll(toPem(label, bytes));
        await readAll(toPem(label, der.slice(0, 1 + (cut % der.length))));
      }),
      { numRuns: 300 },
    );
  });

  it("a deeply nested value gives the typed error, and soon", async () => {
    const deep = new Uint8Array(200_000).fill(0x30).map((byte, i) => (i % 2 === 0 ? byte : 0x80));
    const began = performance.now();
    for (const label of ["CERTIFICATE", "PRIVATE KEY"]) await readAll(toPem(label, deep));
    assert.ok(performance.now() - began < 5000);
  });

  it("text without end is not read", async () => {
    assert.throws(() => parsePem("-".repeat(2_000_000), "x"), /2000000 characters/);
  });
});
