import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redacted } from "../base/redacted.ts";
import { buildInboundRoot, buildServiceCertificate, buildTrustedPeers } from "./secret.ts";

describe("secrets", () => {
  const trust = { pem: "roots" };

  it("hands the chain and the key to the proxy under the role's name", () => {
    const { name, type } = buildServiceCertificate("the chain", new Redacted("the key"));
    assert.equal(name, "service-cert");
    assert.ok(type.case === "tlsCertificate");
    const text = (bytes: unknown) => (bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : undefined);
    assert.equal(text(type.value.certificateChain?.specifier.value), "the chain");
    assert.equal(text(type.value.privateKey?.specifier.value), "the key");
  });

  it("expects exact DNS names of a service, and never none", () => {
    const { name, type } = buildTrustedPeers(trust, { secret: "s", names: ["a.b.cluster.local", "c.b.cluster.local"] });
    assert.equal(name, "s");
    assert.ok(type.case === "validationContext");
    const patterns = type.value.matchTypedSubjectAltNames.map(({ sanType, matcher }) => [
      sanType,
      matcher?.matchPattern,
    ]);
    assert.deepEqual(patterns, [
      [2, { case: "exact", value: "a.b.cluster.local" }],
      [2, { case: "exact", value: "c.b.cluster.local" }],
    ]);
  });

  it("expects no name of callers: RBAC and the chain decide about them", () => {
    const { name, type } = buildInboundRoot(trust);
    assert.equal(name, "root-cert-for-mtls-inbound");
    assert.ok(type.case === "validationContext" && type.value.trustedCa !== undefined);
    assert.deepEqual(type.value.matchTypedSubjectAltNames, []);
  });
});
