import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { NamespacedName } from "../../core/base/ref.ts";
import { Authority } from "../authority.ts";
import { SYSTEM_CLOCK } from "../clock.ts";
import type { Leaf } from "../leaf.ts";
import { FakeVault } from "../testing/fake-vault.ts";
import { makeRoot, openBuiltin } from "./builtin.ts";
import { providerFrom } from "./choose.ts";
import { ProviderUnavailable } from "./unavailable.ts";
import { createVaultHttp } from "./vault-http.ts";

const HOUR = 3_600_000;
const SIGN = "pki/sign/mesh";
const NAME = { namespace: "osm-system", name: "vault" };
const now = () => Date.now();

interface Made {
  /** PEM of the root. */
  readonly ca: string;
  readonly leaf: Leaf;
}

async function made(): Promise<Made> {
  const provider = await openBuiltin(await makeRoot({ now: now() }), now);
  const authority = new Authority({ provider, trustDomain: "cluster.local", now });
  const leaf = await authority.issue({ kind: "server", dnsNames: ["localhost"] }, HOUR);
  return { ca: provider.trustBundle().join(""), leaf };
}

describe("the Secret that leads to Vault", () => {
  let vault: FakeVault;
  let own: Made;
  let other: Made;
  let secret: Readonly<Record<string, string>> | undefined;
  let asked: NamespacedName[];
  before(async () => {
    [own, other] = await Promise.all([made(), made()]);
    vault = await FakeVault.start({ cert: own.leaf.chain, key: own.leaf.key.reveal() });
    // Whoever gets this far was trusted, and was believed.
    vault.answers.set(SIGN, () => ({ status: 503, body: { errors: ["Vault is sealed"] } }));
  });
  after(() => vault.stop());
  beforeEach(() => {
    [secret, asked] = [{ token: "s.token\n" }, []];
    vault.requests.length = 0;
  });

  /** How it fails, which it always does here. @param ca - What `--vault-ca-file` holds. */
  async function refusal(namespace: string, protocol: "http" | "https", ca?: string): Promise<ProviderUnavailable> {
    const token = { ...NAME, namespace, key: "token" };
    const spec = { kind: "vault", protocol, host: "localhost", port: vault.port, role: "mesh", token } as const;
    const opening = providerFrom(spec, {
      trustDomain: "cluster.local",
      meshNamespace: "osm-system",
      clock: SYSTEM_CLOCK,
      random: () => 0,
      openRoot: () => Promise.reject(new Error("no root is kept in this test")),
      readSecret(name) {
        asked.push(name);
        return Promise.resolve(secret);
      },
      api: { request: () => Promise.reject(new Error("no API server is asked in this test")) },
      vault: { ca },
      onOutage: () => {},
      onWarning: () => {},
    });
    const error = await opening.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof ProviderUnavailable, String(error));
    assert.ok(!error.message.includes("s.token"), error.message);
    return error;
  }

  it("says by ca.crt who signed the certificate of Vault's server", async () => {
    secret = { token: "s.token", "ca.crt": `a comment\n${own.ca}` };
    assert.equal((await refusal("osm-system", "https")).kind, "sealed");
    assert.equal(vault.requests.find(({ path }) => path === SIGN)?.headers["x-vault-token"], "s.token");
  });

  it("without ca.crt leaves that to --vault-ca-file, and has the last word with it", async () => {
    assert.equal((await refusal("osm-system", "https", own.ca)).kind, "sealed");
    const untrusted = await refusal("osm-system", "https");
    assert.equal(untrusted.kind, "untrusted");
    assert.match(untrusted.message, /ca\.crt of the token's Secret, or --vault-ca-file/);
    secret = { token: "s.token", "ca.crt": other.ca };
    vault.requests.length = 0;
    assert.equal((await refusal("osm-system", "https", own.ca)).kind, "untrusted");
    assert.deepEqual(vault.requests, []);
  });

  for (const [what, text] of [
    ["nothing", ""],
    ["a word", "yes"],
    ["a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    ["a broken certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ] as const) {
    it(`with ${what} under ca.crt is refused, and Vault is not asked`, async () => {
      secret = { token: "s.token", "ca.crt": text };
      const error = await refusal("osm-system", "https", own.ca);
      assert.equal(error.kind, "untrusted");
      assert.match(error.message, /^Vault's token in Secret osm-system\/vault: "ca\.crt": .*; put the PEM certificate/);
      assert.ok(!error.message.includes("AAAA"));
      assert.deepEqual(vault.requests, []);
    });
  }

  it("is not looked through for an authority where there is no TLS", async () => {
    secret = { token: "s.token", "ca.crt": "no PEM" };
    assert.equal((await refusal("osm-system", "http")).kind, "unreachable");
  });

  it("in another namespace is not even read", async () => {
    const error = await refusal("shop", "https");
    assert.equal(error.kind, "permission-denied");
    assert.match(error.message, /^Vault's token in Secret shop\/vault: only Secrets of .*, osm-system, are read/);
    assert.match(error.message, /kubectl -n osm-system create secret generic vault --from-literal=token=TOKEN/);
    assert.deepEqual(asked, []);
  });

  it("is read again once Vault's server was not trusted, and only then", async () => {
    const cas = [other.ca, own.ca];
    let reads = 0;
    const ca = () => Promise.resolve(cas[Math.min(reads++, 1)]);
    const http = createVaultHttp({ protocol: "https", host: "localhost", port: vault.port, ca });
    await assert.rejects(http.call({ path: SIGN }), ({ kind }: ProviderUnavailable) => kind === "untrusted");
    for (let i = 0; i < 3; i++) assert.equal((await http.call({ path: SIGN })).status, 503);
    assert.equal(reads, 2);
    http.close();
  });
});
