/** An intermediate that the user plugs in as `ca.crt`. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Redacted } from "../../core/base/redacted.ts";
import { Authority } from "../authority.ts";
import { splitChain } from "../pki-read.ts";
import { RootRefused } from "../refusal.ts";
import { type MadeAuthority, OpensslCa } from "../testing/openssl-ca.ts";
import { openBuiltin } from "./builtin.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The certificates are of this second. */
const now = () => Date.now() + 1000;
const SERVICE = { kind: "service", serviceAccount: { namespace: "shop", name: "a" } } as const;

describe("an intermediate as the built-in authority", () => {
  let ca: OpensslCa;
  let top: MadeAuthority;
  let mid: MadeAuthority;
  let low: MadeAuthority;
  before(() => {
    ca = new OpensslCa();
    top = ca.root("top");
    mid = ca.under(top, "mid");
    low = ca.under(mid, "low", "critical,CA:TRUE,pathlen:0");
  });
  after(() => ca.remove());

  const open = (key: MadeAuthority, ...chain: readonly MadeAuthority[]) =>
    openBuiltin(
      { certificate: chain.map(({ certificate }) => certificate).join(""), privateKey: new Redacted(key.key) },
      now,
    );
  async function refusal(key: MadeAuthority, ...chain: readonly MadeAuthority[]): Promise<string> {
    const error = await open(key, ...chain).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof RootRefused, `it was not refused: ${error}`);
    return error.message;
  }

  for (const [what, order] of [
    ["its own certificate first", (low: MadeAuthority, mid: MadeAuthority, top: MadeAuthority) => [low, mid, top]],
    ["the root first", (low: MadeAuthority, mid: MadeAuthority, top: MadeAuthority) => [top, mid, low]],
    ["one of them twice", (low: MadeAuthority, mid: MadeAuthority, top: MadeAuthority) => [low, top, mid, top]],
  ] as const) {
    it(`serves its chain with every leaf, and trusts the root alone: ${what}`, async () => {
      const provider = await open(low, ...order(low, mid, top));
      const authority = new Authority({ provider, trustDomain: "cluster.local", now });
      const leaf = await authority.issue(SERVICE, HOUR);
      assert.equal(splitChain(leaf.chain, "chain").length, 3);
      assert.deepEqual(authority.trustBundle(), [...splitChain(top.certificate, "top")]);
      ca.verify(leaf.chain, authority.trustBundle().join(""));
      assert.equal(ca.sansOf(leaf.chain), "DNS:a.shop.cluster.local, URI:spiffe://cluster.local/a/shop");
    });
  }

  it("a leaf ends with the first of its issuers", async () => {
    const provider = await open(mid, mid, top);
    const leaf = await new Authority({ provider, trustDomain: "cluster.local", now }).issue(SERVICE, 60 * DAY);
    assert.equal(leaf.notAfter, provider.issuerEnds());
    assert.ok(leaf.notAfter < now() + 21 * DAY);
  });

  it("another intermediate under the same root is the same issuer, so proxies keep their leaves", async () => {
    assert.equal((await open(mid, mid, top)).issuerId, (await open(low, low, mid, top)).issuerId);
  });

  it("is refused without an issuer of its chain, which is named", async () => {
    assert.match(await refusal(low, low, top), /"CN=low" was issued by "CN=mid", which was not given; give the cert/);
    assert.match(await refusal(low, low, mid), /"CN=mid" was issued by "CN=top", which was not given/);
  });

  it("is refused with a certificate that is not in its chain", async () => {
    const other = ca.root("other");
    assert.match(await refusal(mid, mid, top, other), /"CN=other" is not in the chain of "CN=mid"; leave it out/);
  });

  it("is refused below an issuer of the right name and another key", async () => {
    const twin = ca.root("twin");
    ca.run("req", "-x509", "-key", "twin.key", "-subj", "/CN=top", "-days", "9", "-out", "twin.crt");
    const certificate = ca.run("x509", "-in", "twin.crt");
    assert.match(await refusal(mid, mid, { ...twin, certificate }), /"CN=top", which was not given/);
  });

  it("is refused below one that allows no authority below it", async () => {
    const deep = ca.under(low, "deep");
    assert.match(await refusal(deep, deep, low, mid, top), /"CN=low" allows 0 authorities below it \(pathlen\)/);
  });

  it("is refused with the key of another", async () => {
    const stranger = ca.root("stranger");
    assert.match(await refusal(stranger, low, mid, top), /private\.key is not the key of the certificate "CN=low"/);
  });

  it("a file full of certificates is refused, not worked through", async () => {
    const many = Array.from({ length: 18 }, (_, i) => ca.root(`many${i}`));
    assert.match(await refusal(mid, mid, top, ...many), /there are 19 certificates, more than the 16 that are read/);
  });
});
