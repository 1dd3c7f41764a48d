/** The Vault provider with the real Vault, or OpenBao, that VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { splitChain } from "../../src/ca/pki-read.ts";
import type { ProviderDeps, ProviderSpec } from "../../src/ca/providers/choose.ts";
import { createVaultHttp } from "../../src/ca/providers/vault-http.ts";
import { IssueRefused } from "../../src/ca/refusal.ts";
import { OpensslCa } from "../../src/ca/testing/openssl-ca.ts";
import { Redacted } from "../../src/core/base/redacted.ts";
import { checkLeaf, HOUR, issueTo, MINUTE, type Opened, open, SUBJECTS, unavailable } from "./rig.ts";
import { ANY_NAME, placeOf, vaultAdmin } from "./vault-admin.ts";

const { VAULT_DIR } = process.env;
const vault = vaultAdmin();
const missing = vault === undefined;
if (missing)
  console.error("\n!!! SKIPPED: the Vault provider with a real Vault. There are no VAULT_ADDR and VAULT_TOKEN");
const real = { skip: missing };

const address = vault?.address ?? { ...placeOf("http://127.0.0.1:8200"), ca: undefined };
const { ca } = address;
const admin = vault?.token ?? new Redacted("");

describe("a real Vault", () => {
  const http = createVaultHttp(address);
  const openssl = new OpensslCa();
  const mounts: string[] = [];
  const opened: Opened[] = [];
  let pki = "";

  before(async () => {
    if (!missing) pki = await mount();
  });
  after(async () => {
    for (const { provider } of opened) provider.close?.();
    for (const path of mounts) vault?.remove(`sys/mounts/${path}`);
    vault?.close();
    http.close();
    openssl.remove();
  });

  async function write(path: string, body: unknown = {}): Promise<Record<string, unknown>> {
    assert.ok(vault !== undefined);
    return await vault.call(path, body);
  }

  async function engine(): Promise<string> {
    const path = `osm-test-${crypto.randomUUID().slice(0, 8)}`;
    await write(`sys/mounts/${path}`, { type: "pki", config: { max_lease_ttl: "87600h" } });
    mounts.push(path);
    return path;
  }

  /** An engine with a root, and the role `mesh` that allows all. */
  async function mount(): Promise<string> {
    const path = await engine();
    await write(`${path}/root/generate/internal`, { common_name: `root of ${path}`, ttl: "87000h", key_type: "ec" });
    await write(`${path}/roles/mesh`, ANY_NAME);
    return path;
  }

  function spec(role: string, token: Extract<ProviderSpec, { kind: "vault" }>["token"] = admin): ProviderSpec {
    const { protocol, host, port } = address;
    return { kind: "vault", protocol, host, port, role, token };
  }

  async function openAt(path: string, role = "mesh", more: Partial<ProviderDeps> & { token?: typeof admin } = {}) {
    const one = await open(spec(role, more.token), { vault: { mount: path, ca }, ...more });
    opened.push(one);
    return one;
  }

  for (const { subject, sans } of SUBJECTS) {
    it(`signs a ${subject.kind}'s leaf that openssl takes, with exactly its names`, real, async () => {
      const { authority } = await openAt(pki);
      checkLeaf(openssl, authority, await authority.issue(subject, HOUR), sans);
    });
  }

  it("gives a life below an hour, and of years", real, async () => {
    const { authority } = await openAt(pki);
    for (const life of [90_000, 80_000 * HOUR]) {
      const leaf = await issueTo(authority, "lives", life);
      assert.ok(Math.abs(leaf.notAfter - (Date.now() + life)) < 5000, `${new Date(leaf.notAfter).toISOString()}`);
    }
  });

  it("a life beyond the issuer's ends with it, where Vault by itself gives nothing", real, async () => {
    const { authority, provider } = await openAt(pki);
    const leaf = await issueTo(authority, "ten-years", 87_600 * HOUR);
    const left = provider.issuerEnds() - leaf.notAfter;
    assert.ok(left >= 0 && left < 2 * MINUTE, `it ends ${left} ms before its issuer`);
  });

  it("a role that gives less is believed by the leaf, not by the wish", real, async () => {
    await write(`${pki}/roles/short`, { ...ANY_NAME, max_ttl: "2m" });
    const { authority } = await openAt(pki, "short");
    const leaf = await issueTo(authority, "short", 24 * HOUR);
    assert.ok(leaf.notAfter <= Date.now() + 2 * MINUTE, new Date(leaf.notAfter).toISOString());
  });

  it("many at once", real, async () => {
    const { authority } = await openAt(pki);
    const leaves = await Promise.all(Array.from({ length: 40 }, (_, i) => issueTo(authority, `many-${i}`)));
    assert.equal(new Set(leaves.map(({ serial }) => serial)).size, 40);
  });

  it("an intermediate is served with its leaves, once its root was given too", real, async () => {
    const path = await engine();
    const { csr } = await write(`${path}/intermediate/generate/internal`, { common_name: "mid", key_type: "ec" });
    const { certificate, issuing_ca } = await write(`${pki}/root/sign-intermediate`, {
      csr,
      common_name: "mid",
      ttl: "9000h",
    });
    await write(`${path}/intermediate/set-signed`, { certificate });
    await write(`${path}/roles/mesh`, ANY_NAME);
    const refused = await unavailable(openAt(path));
    assert.equal(refused.kind, "unusable");
    const told = /vault write \S+\/(issuers\/import\/cert) pem_bundle=@root\.crt/.exec(refused.message);
    await write(`${path}/${told?.[1]}`, { pem_bundle: issuing_ca });
    const { authority } = await openAt(path);
    const leaf = await issueTo(authority, "below");
    assert.equal(splitChain(leaf.chain, "chain").length, 2);
    checkLeaf(openssl, authority, leaf, "DNS:below.shop.cluster.local, URI:spiffe://cluster.local/below/shop");
  });

  it(
    "another root in Vault is refused until the mesh's root is rotated, and the leaves in force stay",
    real,
    async () => {
      const path = await mount();
      const { authority, provider } = await openAt(path);
      const trusted = authority.trustBundle();
      await issueTo(authority, "before");
      const { issuer_id } = await write(`${path}/root/rotate/internal`, {
        common_name: "new",
        ttl: "80000h",
        key_type: "ec",
      });
      await write(`${path}/config/issuers`, { default: issuer_id });
      await assert.rejects(
        issueTo(authority, "after"),
        (error) => error instanceof IssueRefused && error.reason.kind === "root-changed",
      );
      assert.deepEqual(authority.trustBundle(), trusted);
      assert.ok(provider.outage?.() !== undefined);
      assert.notEqual((await openAt(path)).authority.issuerId, authority.issuerId);
    },
  );

  it("names each refusal, and what it says to do helps", real, async () => {
    const path = await engine();
    assert.equal((await unavailable(openAt(path))).kind, "role-missing");
    await write(`${path}/roles/mesh`, ANY_NAME);
    assert.equal((await unavailable(openAt(path))).kind, "issuer-missing");
    await write(`${path}/root/generate/internal`, { common_name: "mesh", ttl: "87600h" });
    await openAt(path);
    await write(`${path}/roles/rsa`, { ...ANY_NAME, key_type: "rsa" });
    assert.equal((await unavailable(openAt(path, "rsa"))).kind, "key-refused");
    assert.equal((await unavailable(openAt("not-there"))).kind, "mount-missing");
    assert.equal((await unavailable(openAt(path, "mesh", { token: new Redacted("bad") }))).kind, "permission-denied");
    for (const narrow of [{ allow_any_name: false, allowed_domains: "example.org" }, { allowed_uri_sans: "" }]) {
      await write(`${path}/roles/narrow`, { ...ANY_NAME, ...narrow });
      await assert.rejects(
        openAt(path, "narrow").then(({ authority }) => issueTo(authority, "wide")),
        (error) => error instanceof IssueRefused && /allowed_uri_sans='spiffe:\/\/\*'/.test(error.message),
      );
    }
  });

  it("a name that a role refuses is no outage for the others", real, async () => {
    await write(`${pki}/roles/domain`, {
      ...ANY_NAME,
      allow_any_name: false,
      allowed_domains: "ads.cluster.local,good.shop.cluster.local",
      allow_bare_domains: true,
    });
    const { authority, provider } = await openAt(pki, "domain");
    await assert.rejects(issueTo(authority, "evil"), IssueRefused);
    assert.equal(provider.outage?.(), undefined);
    await issueTo(authority, "good");
  });

  it("a token is kept alive; one that ended is replaced from its Secret", real, async () => {
    await write("sys/policies/acl/osm-test", { policy: `path "${pki}/sign/mesh" { capabilities = ["update"] }` });
    const tokenOf = async (body: object) => {
      const { json } = await http.call({ path: "auth/token/create", body, token: admin });
      return (json as { auth: { client_token: string } }).auth.client_token;
    };
    const policies = ["default", "osm-test"];
    let current = await tokenOf({ ttl: "2s", policies });
    const ref = { namespace: "osm-system", name: "vault-token", key: "token" };
    const one = await open(spec("mesh", ref), {
      meshNamespace: ref.namespace,
      vault: { mount: pki },
      readSecret: () => Promise.resolve({ token: `${current}\n`, ...(ca !== undefined && { "ca.crt": ca }) }),
    });
    opened.push(one);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await issueTo(one.authority, "renewed");
    await write("auth/token/revoke", { token: current });
    assert.equal((await unavailable(issueTo(one.authority, "revoked"))).kind, "permission-denied");
    current = await tokenOf({ ttl: "3s", explicit_max_ttl: "4s", policies });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await issueTo(one.authority, "replaced");
    await until(() => one.warnings.some((text) => text.includes("give another one in time")));
    assert.ok(!one.warnings.join().includes(current));
  });

  it("is not believed without its authority", { skip: missing || ca === undefined }, async () => {
    assert.equal((await unavailable(openAt(pki, "mesh", { vault: { mount: pki } }))).kind, "untrusted");
  });

  it("speaks TLS to one who does not: the way out is named", { skip: missing || ca === undefined }, async () => {
    const { host, port } = address;
    const plain = open({ kind: "vault", protocol: "http", host, port, role: "mesh", token: admin }, {});
    assert.match((await unavailable(plain)).message, /--vault-protocol/);
  });

  it("an outage is told of with its length, and ends by itself", {
    skip: missing || VAULT_DIR === undefined,
  }, async () => {
    const { authority, provider, events } = await openAt(pki);
    const pid = Number(readFileSync(join(VAULT_DIR ?? "", "pid"), "utf8"));
    const began = Date.now();
    process.kill(pid, "SIGSTOP");
    try {
      // Its threads do not all stop in the same instant.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal((await unavailable(issueTo(authority, "away"))).kind, "unreachable");
      assert.equal((await unavailable(issueTo(authority, "away-too"))).kind, "waiting");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    assert.ok((provider.outage?.()?.since ?? 0) >= began);
    await until(() =>
      issueTo(authority, "back").then(
        () => true,
        () => false,
      ),
    );
    assert.equal(provider.outage?.(), undefined);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["began", "ended"],
    );
  });

  it("an engine in a namespace", real, async (test) => {
    const name = `osm-${crypto.randomUUID().slice(0, 8)}`;
    const made = await http.call({ path: `sys/namespaces/${name}`, body: {}, token: admin });
    if (made.status === 404) {
      console.error("!!! SKIPPED: namespaces. This Vault has none; OpenBao does");
      test.skip();
      return;
    }
    assert.ok(made.status < 300, made.text);
    const inside = createVaultHttp({ ...address, namespace: name });
    const call = (path: string, body: unknown) => inside.call({ path, body, token: admin });
    await call("sys/mounts/pki", { type: "pki", config: { max_lease_ttl: "87600h" } });
    await call("pki/root/generate/internal", { common_name: "inside", ttl: "8000h" });
    await call("pki/roles/mesh", ANY_NAME);
    inside.close();
    const { authority } = await openAt("pki", "mesh", { vault: { ca, namespace: name } });
    checkLeaf(
      openssl,
      authority,
      await issueTo(authority, "in"),
      "DNS:in.shop.cluster.local, URI:spiffe://cluster.local/in/shop",
    );
    assert.equal(
      (await unavailable(openAt("pki", "mesh", { vault: { ca, namespace: "nowhere" } }))).kind,
      "namespace-missing",
    );
  });
});

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 150; i++) {
    if (await met()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("it did not happen within 15 s");
}
