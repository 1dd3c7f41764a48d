import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { Authority } from "./authority.ts";
import { isIssuedBy } from "./issued-by.ts";
import { makeRoot, openBuiltin } from "./providers/builtin.ts";

describe("isIssuedBy()", () => {
  it("tells which of two roots signed, although both have the same organisation and common name", async () => {
    const now = () => Date.now();
    const [one, other] = [await makeRoot({ now: now() }), await makeRoot({ now: now() })];
    const authority = new Authority({ provider: await openBuiltin(one, now), trustDomain: "cluster.local", now });
    const { chain } = await authority.issue({ kind: "server", dnsNames: ["a.test"] }, 60_000);
    const der = new Uint8Array(new X509Certificate(chain).raw);
    assert.equal(isIssuedBy(der, [one.certificate]), true);
    assert.equal(isIssuedBy(der, [other.certificate]), false);
    assert.equal(isIssuedBy(der, [other.certificate, one.certificate]), true);
    assert.equal(isIssuedBy(der, []), false);
  });

  it("says no to what cannot be read", () => {
    assert.equal(isIssuedBy(new Uint8Array(), ["nonsense"]), false);
    assert.equal(isIssuedBy(Uint8Array.of(48, 3, 2, 1, 1), []), false);
  });
});
