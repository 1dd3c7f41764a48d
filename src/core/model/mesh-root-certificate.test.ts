import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeshRootCertificate, writtenProvider } from "./mesh-root-certificate.ts";

const SECRET = { name: "osm-ca-bundle", namespace: "osm-system" };
const TRESOR = { tresor: { ca: { secretRef: SECRET } } };
const TOKEN = { name: "token", key: "value", namespace: "osm-system" };
const VAULT = {
  vault: { host: "vault.vault.svc", port: 8200, role: "osm", protocol: "https", token: { secretKeyRef: TOKEN } },
};
const ISSUER = { issuerName: "ca", issuerKind: "ClusterIssuer", issuerGroup: "cert-manager.io" };

function root(spec: unknown, status?: unknown) {
  const metadata = { name: "root", namespace: "osm-system", generation: 2 };
  const header = { apiVersion: "config.openservicemesh.io/v1alpha2", kind: "MeshRootCertificate" };
  return MeshRootCertificate.parse({ ...header, metadata, spec, status });
}

function accepted(spec: unknown, status?: unknown): MeshRootCertificate {
  const parsed = root(spec, status);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  assert.deepEqual(parsed.findings, []);
  return parsed.value;
}

describe("MeshRootCertificate.parse", () => {
  it("reads OSM 1.2's, which had no role, as the root that signs", () => {
    const { role, trustDomain, spiffeEnabled, provider } = accepted({ provider: TRESOR });
    assert.deepEqual([role, trustDomain, spiffeEnabled], ["active", "cluster.local", false]);
    assert.deepEqual(provider, { kind: "tresor", secret: SECRET });
  });

  it("reads each provider", () => {
    const { secretKeyRef } = VAULT.vault.token;
    assert.deepEqual(accepted({ provider: VAULT }).provider, { ...VAULT.vault, kind: "vault", token: secretKeyRef });
    assert.deepEqual(accepted({ provider: { certManager: ISSUER } }).provider, { kind: "certManager", ...ISSUER });
  });

  it("reads each provider as it is written", () => {
    for (const provider of [TRESOR, VAULT, { certManager: ISSUER }])
      assert.deepEqual(writtenProvider(accepted({ provider }).provider), provider);
  });

  for (const role of ["active", "passive", "inactive"]) {
    it(`knows the role ${role}`, () => assert.equal(accepted({ role, provider: TRESOR }).role, role));
  }

  it("has what its status is written from", () => {
    const { meta, status } = accepted(
      { provider: TRESOR },
      { state: "x", conditions: [{ type: "Ready", status: "True" }] },
    );
    assert.equal(meta.generation, 2);
    assert.deepEqual(
      status.conditions.map(({ type }) => type),
      ["Ready"],
    );
  });

  const vault = (change: object) => ({ provider: { vault: { ...VAULT.vault, ...change } } });
  const refused: readonly (readonly [string, unknown, string])[] = [
    ["no provider", { role: "active" }, "spec.provider"],
    ["an empty provider", { provider: {} }, "spec.provider"],
    ["two providers", { provider: { ...TRESOR, ...VAULT } }, "spec.provider"],
    ["another role", { role: "spare", provider: TRESOR }, "spec.role"],
    ["an empty trust domain", { trustDomain: "", provider: TRESOR }, "spec.trustDomain"],
    ["a trust domain in upper case", { trustDomain: "Cluster.Local", provider: TRESOR }, "spec.trustDomain"],
    ["a trust domain with a path", { trustDomain: "a/b", provider: TRESOR }, "spec.trustDomain"],
    [
      "a Secret of no namespace",
      { provider: { tresor: { ca: { secretRef: { name: "a", namespace: "" } } } } },
      "spec.provider.tresor.ca.secretRef.namespace",
    ],
    ["a provider without its Secret", { provider: { tresor: {} } }, "spec.provider.tresor.ca"],
    ["Vault on no host", vault({ host: "" }), "spec.provider.vault.host"],
    ["Vault on port 0", vault({ port: 0 }), "spec.provider.vault.port"],
    ["Vault over another protocol", vault({ protocol: "ftp" }), "spec.provider.vault.protocol"],
    ["Vault without role", vault({ role: "" }), "spec.provider.vault.role"],
    [
      "Vault without the token's key",
      vault({ token: { secretKeyRef: { ...TOKEN, key: "" } } }),
      "spec.provider.vault.token.secretKeyRef.key",
    ],
    [
      "an issuer of another kind",
      { provider: { certManager: { ...ISSUER, issuerKind: "CA" } } },
      "spec.provider.certManager.issuerKind",
    ],
    [
      "an issuer without name",
      { provider: { certManager: { ...ISSUER, issuerName: "" } } },
      "spec.provider.certManager.issuerName",
    ],
  ];
  for (const [title, spec, path] of refused) {
    it(`refuses ${title}`, () => {
      const parsed = root(spec);
      assert.equal(parsed.ok, false);
      assert.deepEqual(
        parsed.findings.map((one) => `${one.code} ${one.path}`),
        [`object-invalid ${path}`],
      );
    });
  }
});
