import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Command } from "commander";
import { type CertificateFlags, withCertificateFlags } from "../cli/certificate-flags.ts";
import { sourceFrom } from "../cluster/root-providers.ts";
import { choiceFrom } from "./certificate-choice.ts";

function flags(...argv: readonly string[]): CertificateFlags {
  const command = withCertificateFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(argv, { from: "user" }).opts<CertificateFlags>();
}
const choice = (...argv: readonly string[]) => choiceFrom(flags(...argv), "osm-system");

describe("who signs, by flags", () => {
  it("is a root of our own if nothing is said, in OSM's Secret", () => {
    assert.deepEqual(choice().spec, { kind: "tresor", secret: { namespace: "osm-system", name: "osm-ca-bundle" } });
    assert.deepEqual(sourceFrom(choice().spec), { kind: "builtin", store: "osm-ca-bundle" });
  });

  it("has OSM's defaults for Vault, and keeps the token out of what is written and printed", () => {
    const { spec, vaultToken } = choice("--certificate-manager", "vault", "--vault-token", "s.secret");
    assert.equal(vaultToken?.reveal(), "s.secret");
    assert.ok(!JSON.stringify([spec, sourceFrom(spec)]).includes("s.secret"));
    assert.deepEqual(sourceFrom(spec), {
      kind: "vault",
      settings: {
        protocol: "http",
        host: "vault.default.svc.cluster.local",
        port: "8200",
        role: "openservicemesh",
      },
    });
  });

  it("takes Vault's token from a Secret before that of the flag", () => {
    const secret = ["--vault-token-secret-name", "vault", "--vault-token-secret-key", "token"];
    const { spec } = choice("--certificate-manager", "vault", "--vault-token", "x", ...secret);
    assert.deepEqual(spec.kind === "vault" && spec.token, { namespace: "osm-system", name: "vault", key: "token" });
    const { settings } = { settings: {}, ...sourceFrom(spec) };
    assert.deepEqual(Object.keys(settings).slice(4), ["tokenNamespace", "tokenName", "tokenKey"]);
  });

  it("has OSM's defaults for cert-manager", () => {
    assert.deepEqual(choice("--certificate-manager", "cert-manager").spec, {
      kind: "certManager",
      issuerName: "osm-ca",
      issuerKind: "Issuer",
      issuerGroup: "cert-manager.io",
    });
  });

  it("names the flag that is wrong", () => {
    const vault = ["--certificate-manager", "vault"];
    assert.throws(() => choice(...vault), /--vault-token-secret-name with --vault-token-secret-key, or --vault-token/);
    assert.throws(
      () => choice(...vault, "--vault-token-secret-name", "v"),
      /name its key too \(--vault-token-secret-key\)/,
    );
    assert.throws(() => flags("--certificate-manager", "other"), /tresor, vault, cert-manager/);
    for (const port of ["0", "65536", "x", "-1", "1.5"]) {
      assert.throws(() => flags("--vault-port", port), /is not a port/, port);
    }
    const away = [...vault, "--vault-token", "t", "--vault-ca-file", "/nowhere/ca.pem"];
    assert.throws(() => choice(...away), /nowhere/);
  });
});
