import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Redacted } from "../../core/base/redacted.ts";
import { SYSTEM_CLOCK } from "../clock.ts";
import { makeKeyPair, P256 } from "../keys.ts";
import { createRequest } from "../pki-request.ts";
import type { ChainRequest } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import { FakeVault } from "../testing/fake-vault.ts";
import type { RemoteSigner } from "./remote.ts";
import { ProviderUnavailable } from "./unavailable.ts";
import { vaultSigner } from "./vault.ts";
import { createVaultHttp } from "./vault-http.ts";

const HOUR = 3_600_000;
const SIGN = "pki/sign/mesh";
const LOOKUP = "auth/token/lookup-self";
const RENEW = "auth/token/renew-self";
const NAMES = { commonName: "a.b", dnsSans: ["a.b", "c.d"], uriSans: ["spiffe://x/y/z"] };

let request: ChainRequest;
before(async () => {
  const { publicKey, privateKey } = await makeKeyPair(P256);
  const csr = () => createRequest({ ...NAMES, publicKey, privateKey });
  request = { ...NAMES, publicKey, csr, notBefore: Date.now(), notAfter: Date.now() + HOUR };
});

describe("asking Vault", () => {
  let vault: FakeVault;
  let signer: RemoteSigner;
  let tokens: string[];
  let warnings: string[];
  before(async () => {
    vault = await FakeVault.start();
  });
  after(() => vault.stop());
  beforeEach(() => {
    [tokens, warnings] = [["first"], []];
    vault.requests.length = 0;
    vault.answers.clear();
    vault.answers.set(LOOKUP, () => ({ status: 200, body: { data: { ttl: 0, renewable: false } } }));
    vault.answers.set(SIGN, () => ({ status: 200, body: { data: { certificate: "leaf", issuing_ca: "issuer" } } }));
    signer = open();
  });
  afterEach(() => signer.close());

  function open(more: Partial<Parameters<typeof vaultSigner>[0]["address"]> = {}): RemoteSigner {
    return vaultSigner({
      address: { protocol: "http", host: "127.0.0.1", port: vault.port, ...more },
      mount: "pki",
      role: "mesh",
      readToken: () => Promise.resolve(new Redacted(tokens.at(-1) ?? "")),
      clock: SYSTEM_CLOCK,
      onWarning: (message) => warnings.push(message),
    });
  }
  const signed = () => vault.requests.filter(({ path }) => path === SIGN);
  const renewals = () => vault.requests.filter(({ path }) => path === RENEW);

  it("sends our request with the names, and a life in seconds, below an hour too", async () => {
    const answer = await signer.sign(request, 90_500);
    assert.deepEqual(answer, { certificate: "leaf", issuers: ["issuer"] });
    const [sent] = signed();
    assert.match(String(sent?.body["csr"]), /^-----BEGIN CERTIFICATE REQUEST-----/);
    const { common_name, alt_names, uri_sans, ttl } = sent?.body ?? {};
    assert.deepEqual([common_name, alt_names, uri_sans, ttl], ["a.b", "a.b,c.d", "spiffe://x/y/z", "90s"]);
    assert.equal(sent?.headers["x-vault-token"], "first");
    assert.equal(sent?.headers["x-vault-namespace"], undefined);
    assert.ok(!JSON.stringify(vault.requests).includes("PRIVATE"));
  });

  it("names the namespace in every request", async () => {
    signer.close();
    signer = open({ namespace: "team" });
    await signer.sign(request, HOUR);
    assert.ok(vault.requests.every(({ headers }) => headers["x-vault-namespace"] === "team"));
  });

  for (const [kind, status, said, wayOut] of [
    ["sealed", 503, "Vault is sealed", /vault operator unseal/],
    ["sealed", 503, "OpenBao is sealed", /unseal/],
    ["permission-denied", 403, "permission denied", /path "pki\/sign\/mesh" { capabilities = \["update"\] }/],
    ["permission-denied", 403, "2 errors occurred: permission denied, invalid token", /a token that has not ended/],
    ["role-missing", 400, "unknown role: mesh", /vault write pki\/roles\/mesh allow_any_name=true/],
    ["mount-missing", 404, 'no handler for route "pki/sign/mesh". route entry not found.', /vault secrets enable/],
    ["key-refused", 400, "role requires keys of type rsa", /key_type=any/],
    ["throttled", 429, "request path: rate limit quota exceeded", /rate limit quota/],
    ["failed", 500, "internal error", /its log/],
    ["unusable", 400, "something new", /something new/],
  ] as const) {
    it(`${status} "${said}" is named ${kind}, with the way out`, async () => {
      vault.answers.set(SIGN, () => ({ status, body: { errors: [said] } }));
      await assert.rejects(signer.sign(request, HOUR), (error) => {
        assert.ok(error instanceof ProviderUnavailable, String(error));
        assert.equal(error.kind, kind);
        assert.match(error.message, wayOut);
        assert.match(error.message, /^Vault at http:\/\/127\.0\.0\.1:\d+: /);
        assert.ok(!error.message.includes("first"), "the message holds the token");
        return true;
      });
    });
  }

  for (const said of [
    "common name a.b not allowed by this role",
    "subject alternate name c.d not allowed by this role",
    "URI Subject Alternative Names are not allowed in this role, but was provided via CSR",
  ]) {
    it(`"${said.slice(0, 30)}…" concerns one name`, async () => {
      vault.answers.set(SIGN, () => ({ status: 400, body: { errors: [said] } }));
      await assert.rejects(
        signer.sign(request, HOUR),
        (error) => error instanceof IssueRefused && /roles\/mesh allow_any_name=true/.test(error.message),
      );
    });
  }

  it("an answer that is not Vault's is refused", async () => {
    for (const body of ["<html>", "[]", "{}", '{"data":{}}', '{"data":{"certificate":7}}', "null"]) {
      vault.answers.set(SIGN, () => ({ status: 200, body }));
      await assert.rejects(
        signer.sign(request, HOUR),
        (error) => error instanceof ProviderUnavailable && error.kind === "unusable",
      );
    }
  });

  it("a token that was replaced in its Secret is read again, once", async () => {
    vault.answers.set(SIGN, ({ headers }) =>
      headers["x-vault-token"] === "second"
        ? { status: 200, body: { data: { certificate: "leaf" } } }
        : { status: 403, body: { errors: ["permission denied"] } },
    );
    await assert.rejects(signer.sign(request, HOUR), /permission denied/);
    assert.equal(signed().length, 1);
    tokens.push("second");
    assert.equal((await signer.sign(request, HOUR)).certificate, "leaf");
    await signer.sign(request, HOUR);
    assert.deepEqual(
      signed().map(({ headers }) => headers["x-vault-token"]),
      ["first", "first", "second", "second"],
    );
  });

  it("a token is renewed before it ends, until the provider is closed", async () => {
    vault.answers.set(LOOKUP, () => ({ status: 200, body: { data: { ttl: 2, renewable: true } } }));
    vault.answers.set(RENEW, () => ({ status: 200, body: { auth: { lease_duration: 2, renewable: true } } }));
    await signer.sign(request, HOUR);
    await until(() => renewals().length >= 2);
    signer.close();
    const before = renewals().length;
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.ok(renewals().length <= before + 1);
    assert.deepEqual(warnings, []);
  });

  it("a token that cannot be renewed, or not for much longer, is told of once", async () => {
    vault.answers.set(LOOKUP, () => ({ status: 200, body: { data: { ttl: 3600, renewable: false } } }));
    await signer.sign(request, HOUR);
    await signer.sign(request, HOUR);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /cannot be renewed and ends at \d{4}-.*give another one in time/);
    assert.ok(!warnings.join().includes("first"));
  });

  it("a token that may not look itself up is used as it is", async () => {
    vault.answers.set(LOOKUP, () => ({ status: 403, body: { errors: ["permission denied"] } }));
    assert.equal((await signer.sign(request, HOUR)).certificate, "leaf");
    assert.equal(renewals().length, 0);
  });

  it("asks for the chain where an answer lacks it, without a token", async () => {
    vault.answers.set("pki/ca_chain", () => ({ status: 200, body: "chain" }));
    assert.deepEqual(await signer.moreIssuers(), ["chain"]);
    assert.ok(vault.requests.every(({ headers }) => headers["x-vault-token"] === undefined));
  });

  it("a mount with slashes is a path, and nothing else gets into it", async () => {
    signer.close();
    signer = vaultSigner({
      address: { protocol: "http", host: "127.0.0.1", port: vault.port },
      mount: "team a/pki",
      role: "../../sys/seal",
      readToken: () => Promise.resolve(new Redacted("t")),
      clock: SYSTEM_CLOCK,
      onWarning: () => {},
    });
    await assert.rejects(signer.sign(request, HOUR));
    assert.equal(vault.requests.at(-1)?.path, "team%20a/pki/sign/..%2F..%2Fsys%2Fseal");
  });
});

describe("a Vault that does not answer", () => {
  it("says where it was looked for", async () => {
    const http = createVaultHttp({ protocol: "http", host: "127.0.0.1", port: 1 });
    await assert.rejects(
      http.call({ path: "sys/health" }),
      (error) =>
        error instanceof ProviderUnavailable &&
        error.kind === "unreachable" &&
        /^Vault at http:\/\/127\.0\.0\.1:1: .*--vault-host/.test(error.message),
    );
    http.close();
  });

  it("in time is given up, and so is one that talks without end", async () => {
    for (const talk of ["", `HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n${"x".repeat(2_000_000)}`]) {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.write(talk);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      const http = createVaultHttp({ protocol: "http", host: "127.0.0.1", port }, 300);
      const began = Date.now();
      await assert.rejects(http.call({ path: "sys/health" }), ProviderUnavailable);
      assert.ok(Date.now() - began < 5000);
      http.close();
      server.close();
    }
  });
});

async function until(met: () => boolean): Promise<void> {
  for (let i = 0; !met() && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(met(), "it did not happen within 10 s");
}
