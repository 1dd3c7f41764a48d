import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { SYSTEM_CLOCK } from "../ca/clock.ts";
import type { ProviderSpec } from "../ca/providers/choose.ts";
import { FakeVault } from "../ca/testing/fake-vault.ts";
import { Redacted } from "../core/base/redacted.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";
import { providerKeeper, sourceFrom } from "./root-providers.ts";

const SIGN = "pki/sign/mesh";

describe("roots of other authorities, as a record writes them", () => {
  let vault: FakeVault;
  const secrets = new Map<string, Readonly<Record<string, string>>>();
  before(async () => {
    vault = await FakeVault.start();
  });
  after(() => vault.stop());
  beforeEach(() => {
    secrets.clear();
    vault.requests.length = 0;
    vault.answers.set(SIGN, () => ({ status: 503, body: { errors: ["Vault is sealed"] } }));
  });

  function keeper(vaultToken?: Redacted<string>) {
    return providerKeeper({
      client: {
        request({ path }) {
          const data = secrets.get(path);
          if (data !== undefined) return Promise.resolve({ data });
          const told = { method: "GET", path, status: 404, reason: "NotFound", detail: "gone" };
          return Promise.reject(new KubernetesError(told));
        },
      },
      builtin: { create: () => Promise.reject(new Error("builtin")), open: () => Promise.reject(new Error("builtin")) },
      meshNamespace: "osm-system",
      clock: SYSTEM_CLOCK,
      random: Math.random,
      vaultToken,
      onOutage: () => {},
      onWarning: () => {},
    });
  }
  const spec = (token: Extract<ProviderSpec, { kind: "vault" }>["token"]): ProviderSpec => ({
    kind: "vault",
    protocol: "http",
    host: "127.0.0.1",
    port: vault.port,
    role: "mesh",
    token,
  });
  const opened = (from: ProviderSpec, token?: Redacted<string>) =>
    keeper(token).open({ name: "r", source: sourceFrom(from), trustDomain: "cluster.local", certificates: [] });
  const askedWith = () => vault.requests.find(({ path }) => path === SIGN)?.headers["x-vault-token"];

  it("Vault is asked with the token of the Secret that the record names", async () => {
    secrets.set("/api/v1/namespaces/osm-system/secrets/v", { token: btoa("s.one\n") });
    await assert.rejects(opened(spec({ namespace: "osm-system", name: "v", key: "token" })), /unseal it/);
    assert.equal(askedWith(), "s.one");
  });

  it("Vault is asked with the flag's token where the record names no Secret", async () => {
    await assert.rejects(opened(spec(new Redacted("s.flag")), new Redacted("s.flag")), /unseal it/);
    assert.equal(askedWith(), "s.flag");
    await assert.rejects(opened(spec(new Redacted("s.flag"))), /needs a token for Vault: give --vault-token/);
  });

  it("a Secret that is not there, or lacks the key, is named with the command that makes it", async () => {
    const token = { namespace: "osm-system", name: "v", key: "token" };
    const wayOut = /kubectl -n osm-system create secret generic v --from-literal=token=TOKEN/;
    await assert.rejects(opened(spec(token)), wayOut);
    secrets.set("/api/v1/namespaces/osm-system/secrets/v", { other: btoa("x") });
    await assert.rejects(opened(spec(token)), wayOut);
    assert.equal(vault.requests.length, 0);
  });

  it("a record that lacks a setting is named", async () => {
    const source = { kind: "cert-manager", settings: { issuerName: "osm-ca", issuerKind: "Issuer" } } as const;
    const ref = { name: "r", source, trustDomain: "cluster.local", certificates: [] };
    await assert.rejects(keeper().open(ref), /the record of the root r has no "issuerGroup" of its cert-manager/);
  });

  it("a root of our own is its keeper's", async () => {
    const builtin = sourceFrom({ kind: "tresor", secret: { namespace: "osm-system", name: "osm-ca-bundle" } });
    const ref = { name: "r", source: builtin, trustDomain: "cluster.local", certificates: [] };
    await assert.rejects(keeper().open(ref), /^Error: builtin$/);
  });
});
