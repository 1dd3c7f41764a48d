/** What is believed of another authority's answer. The authority is `openssl`-made, the signing ours, the lies too. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Redacted } from "../../core/base/redacted.ts";
import { Authority } from "../authority.ts";
import { SYSTEM_CLOCK } from "../clock.ts";
import { makeKeyPair, P256 } from "../keys.ts";
import { splitChain } from "../pki-read.ts";
import type { ChainRequest } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import { type MadeAuthority, OpensslCa } from "../testing/openssl-ca.ts";
import { openBuiltin } from "./builtin.ts";
import { openRemote, type RemoteSigner, type SignedAnswer } from "./remote.ts";
import { ProviderUnavailable } from "./unavailable.ts";

const HOUR = 3_600_000;
const SERVICE = { kind: "service", serviceAccount: { namespace: "shop", name: "a" } } as const;

describe("another authority's answer", () => {
  let ca: OpensslCa;
  let top: MadeAuthority;
  let mid: MadeAuthority;
  let other: MadeAuthority;
  let byMid: Sign;
  let byOther: Sign;
  before(async () => {
    ca = new OpensslCa();
    top = ca.root("top");
    mid = ca.under(top, "mid");
    other = ca.root("other");
    byMid = await signerOf(mid, top);
    byOther = await signerOf(other);
  });
  after(() => ca.remove());

  type Sign = (request: ChainRequest) => Promise<string>;
  async function signerOf(...chain: readonly MadeAuthority[]): Promise<Sign> {
    const privateKey = new Redacted(chain[0]?.key ?? "");
    const certificate = chain.map((one) => one.certificate).join("");
    const provider = await openBuiltin({ certificate, privateKey }, () => Date.now() + 1000);
    return async (request) => (await provider.issue(request)).chain[0];
  }

  const honest = async (request: ChainRequest): Promise<SignedAnswer> => ({
    certificate: await byMid(request),
    issuers: [mid.certificate, top.certificate],
  });

  async function open(
    answer: (request: ChainRequest) => Promise<SignedAnswer>,
    more: readonly string[] = [],
    known?: MadeAuthority,
  ) {
    let closed = 0;
    const signer: RemoteSigner = {
      name: "fake",
      what: "the other",
      chainWayOut: "import its root",
      sign: (request) => answer(request),
      moreIssuers: () => Promise.resolve(more),
      close: () => {
        closed += 1;
      },
    };
    const provider = await openRemote({
      signer,
      trustDomain: "cluster.local",
      known: known?.certificate,
      clock: SYSTEM_CLOCK,
      random: Math.random,
      onOutage: () => {},
    });
    const authority = new Authority({ provider, trustDomain: "cluster.local", now: () => Date.now() });
    return { provider, authority, closed: () => closed };
  }

  /** Opens honestly, then answers otherwise. */
  async function turning(answer: (request: ChainRequest) => Promise<SignedAnswer>) {
    let now = honest;
    const opened = await open((request) => now(request));
    now = answer;
    return opened;
  }

  it("becomes a leaf with its chain, and its root is what is trusted", async () => {
    const { authority } = await open(honest);
    const leaf = await authority.issue(SERVICE, HOUR);
    assert.equal(splitChain(leaf.chain, "chain").length, 2);
    assert.deepEqual(authority.trustBundle(), [...splitChain(top.certificate, "top")]);
    ca.verify(leaf.chain, authority.trustBundle().join(""));
    assert.equal(ca.sansOf(leaf.chain), "DNS:a.shop.cluster.local, URI:spiffe://cluster.local/a/shop");
  });

  it("is not waited for where its root is known, and is held to that root", async () => {
    let away = true;
    const back = async (request: ChainRequest): Promise<SignedAnswer> => {
      if (away) throw new Error("it is away");
      return honest(request);
    };
    const { authority } = await open(back, [], top);
    assert.deepEqual(authority.trustBundle(), [...splitChain(top.certificate, "top")]);
    await assert.rejects(authority.issue(SERVICE, HOUR), /it is away/);
    const another = await open(honest, [], other);
    await assert.rejects(
      another.authority.issue(SERVICE, HOUR),
      (error) => error instanceof IssueRefused && error.reason.kind === "root-changed",
    );
    away = false;
    const { authority: later } = await open(back, [], top);
    ca.verify((await later.issue(SERVICE, HOUR)).chain, top.certificate);
  });

  it("the issuers may come in the certificate's text, with the root first, or when asked for", async () => {
    for (const [answer, more] of [
      [
        async (r: ChainRequest) => ({
          certificate: (await byMid(r)) + top.certificate + mid.certificate,
          issuers: [""],
        }),
        [],
      ],
      [async (r: ChainRequest) => ({ certificate: await byMid(r), issuers: [mid.certificate] }), [top.certificate]],
    ] as const) {
      const { authority } = await open(answer, more);
      ca.verify((await authority.issue(SERVICE, HOUR)).chain, authority.trustBundle().join(""));
    }
  });

  it("without a root it is refused, with what to do", async () => {
    const rootless = async (request: ChainRequest) => ({
      certificate: await byMid(request),
      issuers: [mid.certificate],
    });
    await assert.rejects(
      open(rootless),
      /lead to no root: "CN=mid" was issued by "CN=top", which was not given; import/,
    );
  });

  it("of another root it is refused, so that proxies keep what they can verify", async () => {
    const { authority, provider } = await turning(async (request) => ({
      certificate: await byOther(request),
      issuers: [other.certificate],
    }));
    await assert.rejects(
      authority.issue(SERVICE, HOUR),
      (error) => error instanceof IssueRefused && error.reason.kind === "root-changed",
    );
    assert.equal(provider.outage?.()?.failures, 1);
    assert.deepEqual(authority.trustBundle(), [...splitChain(top.certificate, "top")]);
  });

  it("an issuer of the right name and another key does not count", async () => {
    ca.run("req", "-x509", "-key", "other.key", "-subj", "/CN=mid", "-days", "9", "-out", "twin.crt");
    const twin = ca.run("x509", "-in", "twin.crt");
    await assert.rejects(
      open(async (request) => ({ certificate: await byMid(request), issuers: [twin, top.certificate] })),
      /"CN=mid", which was not given/,
    );
  });

  it("with another key it is refused", async () => {
    const { publicKey } = await makeKeyPair(P256);
    const { authority } = await turning((request) => honest({ ...request, publicKey }));
    await assert.rejects(authority.issue(SERVICE, HOUR), /it certified another key than ours/);
  });

  it("with more names, or a longer life, it is refused", async () => {
    const more = await turning((request) =>
      honest({ ...request, dnsSans: [...request.dnsSans, "b.shop.cluster.local"] }),
    );
    await assert.rejects(more.authority.issue(SERVICE, HOUR), /changed the DNS names/);
    const longer = await turning((request) => honest({ ...request, notAfter: request.notAfter + HOUR }));
    await assert.rejects(longer.authority.issue(SERVICE, HOUR), /changed the end of life/);
  });

  it("with a shorter life it is taken, and the leaf says so", async () => {
    const { authority } = await turning((request) => honest({ ...request, notAfter: Date.now() + 60_000 }));
    const leaf = await authority.issue(SERVICE, HOUR);
    assert.ok(leaf.notAfter <= Date.now() + 60_000);
  });

  it("that begins in a moment is waited for, and one that begins in a minute is a wrong clock", async () => {
    const soon = await turning((request) => honest({ ...request, notBefore: Date.now() + 2000 }));
    const leaf = await soon.authority.issue(SERVICE, HOUR);
    assert.ok(leaf.notBefore <= Date.now());
    const late = await turning((request) => honest({ ...request, notBefore: Date.now() + 60_000 }));
    await assert.rejects(
      late.authority.issue(SERVICE, HOUR),
      (error) => error instanceof ProviderUnavailable && error.kind === "clock",
    );
  });

  it("that is no certificate is refused", async () => {
    for (const certificate of ["", "hello", top.key, top.certificate.slice(0, 200)]) {
      const { authority } = await turning(() => Promise.resolve({ certificate, issuers: [] }));
      await assert.rejects(
        authority.issue(SERVICE, HOUR),
        (error) =>
          error instanceof ProviderUnavailable &&
          error.kind === "unusable" &&
          !error.message.includes("PRIVATE KEY-----\nM"),
      );
    }
  });

  it("that is not for TLS clients is refused", async () => {
    const { authority } = await turning(async (request) => {
      ca.file("server-only.csr", await request.csr());
      ca.file("server-only.ext", "extendedKeyUsage=serverAuth\n");
      const by = ["-CA", "mid.crt", "-CAkey", "mid.key", "-CAcreateserial", "-extfile", "server-only.ext"];
      return { ...(await honest(request)), certificate: ca.run("x509", "-req", "-in", "server-only.csr", ...by) };
    });
    await assert.rejects(authority.issue(SERVICE, HOUR), /not for TLS servers and clients both/);
  });

  it("our request verifies, and asks for exactly the names of the identity", async () => {
    const texts: string[] = [];
    const { authority } = await open(async (request) => {
      texts.push(await request.csr());
      return honest(request);
    });
    await authority.issue(SERVICE, HOUR);
    const path = ca.file("ours.csr", texts.at(-1) ?? "");
    const text = ca.run("req", "-in", path, "-noout", "-text", "-verify");
    assert.match(text, /Subject: CN ?= ?a\.shop\.cluster\.local\n/);
    assert.match(text, /\n\s+DNS:a\.shop\.cluster\.local, URI:spiffe:\/\/cluster\.local\/a\/shop\n/);
  });
});
