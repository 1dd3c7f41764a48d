import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redacted } from "../../core/base/redacted.ts";
import { Authority } from "../authority.ts";
import { rsaKind } from "../keys.ts";
import { parsePem, toPem } from "../pem.ts";
import { parseCertificate } from "../pki-read.ts";
import type { CertificateProvider } from "../provider.ts";
import { IssueRefused, type RootRefusal, RootRefused } from "../refusal.ts";
import { fromSecretData, makeRoot, openBuiltin, ROOT_LIFE, type RootMaterial, toSecretData } from "./builtin.ts";

const NOW = Date.now();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TRUST_DOMAIN = "cluster.local";
const SERVICE = { kind: "service", serviceAccount: { namespace: "shop", name: "a" } } as const;

async function refusalOf(root: RootMaterial, at = NOW): Promise<RootRefusal & { readonly message: string }> {
  try {
    await openBuiltin(root, () => at);
  } catch (error) {
    if (!(error instanceof RootRefused)) throw error;
    assert.ok(!error.message.includes(bodyOf(root.privateKey)), "the message holds the private key");
    return { ...error.reason, message: error.message };
  }
  throw new assert.AssertionError({ message: "the root was accepted" });
}

function bodyOf(key: Redacted<string>): string {
  return key.reveal().split("\n")[1] || "no body";
}

describe("makeRoot and openBuiltin", () => {
  it("opens what it made, and knows it again after a restart", async () => {
    const root = await makeRoot({ now: NOW });
    const first = await openBuiltin(root, () => NOW);
    const second = await openBuiltin(fromSecretData(await toSecretData(root)), () => NOW);
    assert.equal(first.issuerId, second.issuerId);
    assert.equal(first.issuerId, (await parseCertificate(root.certificate, "root")).fingerprint);
    assert.deepEqual(first.trustBundle(), [root.certificate]);
  });

  it("stores the root as OSM did", async () => {
    const data = await toSecretData(await makeRoot({ now: NOW }));
    assert.deepEqual(Object.keys(data), ["ca.crt", "private.key", "expiration"]);
    assert.equal(data["expiration"], new Date(Math.floor((NOW + ROOT_LIFE) / 1000) * 1000).toISOString());
  });

  it("two roots never share a name", async () => {
    const [a, b] = await Promise.all([makeRoot({ now: NOW }), makeRoot({ now: NOW })]);
    assert.notEqual(
      (await parseCertificate(a.certificate, "a")).subject,
      (await parseCertificate(b.certificate, "b")).subject,
    );
  });

  it("a leaf never outlives its root, nor begins before it", async () => {
    const root = await makeRoot({ now: NOW, life: HOUR });
    const info = await parseCertificate(root.certificate, "root");
    const at = info.notAfter - 5 * MINUTE;
    const provider = await openBuiltin(root, () => at);
    const late = await new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => at }).issue(SERVICE, 24 * HOUR);
    assert.equal(late.notAfter, info.notAfter);
    const early = await new Authority({
      provider,
      trustDomain: TRUST_DOMAIN,
      now: () => info.notBefore + MINUTE,
    }).issue(SERVICE, HOUR);
    assert.equal(early.notBefore, info.notBefore);
  });

  it("issues nothing when the root is over, or not begun after the clock was set back", async () => {
    const root = await makeRoot({ now: NOW, life: HOUR });
    let at = NOW;
    const provider = await openBuiltin(root, () => at);
    const authority = new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => at });
    for (const [then, kind] of [
      [NOW + HOUR, "issuer-expired"],
      [NOW - 2 * HOUR, "issuer-not-yet-valid"],
    ] as const) {
      at = then;
      await assert.rejects(
        authority.issue(SERVICE, HOUR),
        (error) => error instanceof IssueRefused && error.reason.kind === kind,
      );
    }
  });
});

describe("roots that are refused", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "osm-root-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("a key of another root", async () => {
    const [a, b] = [await makeRoot({ now: NOW }), await makeRoot({ now: NOW })];
    assert.equal((await refusalOf({ ...a, privateKey: b.privateKey })).kind, "key-mismatch");
  });

  it("a key of another kind", async () => {
    const [a, b] = [await makeRoot({ now: NOW }), await makeRoot({ now: NOW, key: { kind: "rsa", bits: 2048 } })];
    assert.equal((await refusalOf({ ...a, privateKey: b.privateKey })).kind, "key-mismatch");
    assert.equal((await refusalOf({ ...b, privateKey: a.privateKey })).kind, "key-mismatch");
  });

  it("a leaf", async () => {
    const provider = await openBuiltin(await makeRoot({ now: NOW }), () => NOW);
    const leaf = await new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => NOW }).issue(SERVICE, HOUR);
    const reason = await refusalOf({ certificate: leaf.chain, privateKey: leaf.key });
    assert.equal(reason.kind, "not-authority");
    assert.match(reason.message, /a\.shop\.cluster\.local/);
  });

  it("an intermediate without its root, and a CA whose key usage is not for signing", async () => {
    const run = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
    run(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=top",
      "-keyout",
      "top.key",
      "-out",
      "top.crt",
    );
    run(
      "req",
      "-new",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=mid",
      "-keyout",
      "mid.key",
      "-out",
      "mid.csr",
    );
    writeFileSync(join(folder, "ext"), "basicConstraints=critical,CA:TRUE\n");
    run(
      "x509",
      "-req",
      "-in",
      "mid.csr",
      "-CA",
      "top.crt",
      "-CAkey",
      "top.key",
      "-CAcreateserial",
      "-extfile",
      "ext",
      "-out",
      "mid.crt",
    );
    const mid = read("mid");
    const reason = await refusalOf(mid, Date.now() + MINUTE);
    assert.equal(reason.kind, "chain-broken");
    assert.match(
      reason.message,
      /^ca\.crt: "CN=mid" was issued by "CN=top", which was not given; give the certificate/,
    );
    run(
      "req",
      "-x509",
      "-key",
      "top.key",
      "-subj",
      "/CN=odd",
      "-addext",
      "keyUsage=critical,digitalSignature",
      "-out",
      "odd.crt",
    );
    assert.equal(
      (await refusalOf({ ...read("top"), certificate: read("odd", "top").certificate })).kind,
      "not-authority",
    );
  });

  it("one that is over or not begun, with the date", async () => {
    const root = await makeRoot({ now: NOW, life: HOUR });
    const over = await refusalOf(root, NOW + HOUR);
    assert.equal(over.kind, "expired");
    assert.match(over.message, /expired at \d{4}-.*give a new root/);
    assert.equal((await refusalOf(root, NOW - 2 * HOUR)).kind, "not-yet-valid");
  });

  it("text that is not PEM, naming the file and the way out", async () => {
    const root = await makeRoot({ now: NOW });
    const noCertificate = await refusalOf({ ...root, certificate: "hello" });
    assert.match(
      noCertificate.message,
      /^ca\.crt: no "-----BEGIN CERTIFICATE-----" block, found no PEM block at all; give/,
    );
    const swapped = await refusalOf({
      certificate: root.privateKey.reveal(),
      privateKey: new Redacted(root.certificate),
    });
    assert.match(swapped.message, /^ca\.crt: .*found PRIVATE KEY/);
    const noKey = await refusalOf({ ...root, privateKey: new Redacted(root.certificate) });
    assert.match(noKey.message, /^private\.key: no "-----BEGIN PRIVATE KEY-----" block, found CERTIFICATE/);
    const cut = await refusalOf({ ...root, certificate: root.certificate.slice(0, 300) });
    assert.match(cut.message, /^ca\.crt: the CERTIFICATE block cannot be read: it has no END line/);
  });

  it("a damaged certificate", async () => {
    const root = await makeRoot({ now: NOW });
    const [block] = parsePem(root.certificate, "root");
    assert.ok(block !== undefined);
    const provider = await openBuiltin(root, () => NOW);
    const accepted: number[] = [];
    // The first bytes are the outermost lengths, where a lenient reader would go on; the rest is sampled.
    for (let at = 0; at < block.der.length; at += at < 16 ? 1 : 5) {
      const der = Uint8Array.from(block.der, (byte, i) => (i === at ? byte ^ 0x21 : byte));
      const opened = await openBuiltin({ ...root, certificate: toPem("CERTIFICATE", der) }, () => NOW).catch(
        (error: unknown) => {
          assert.ok(error instanceof RootRefused, `byte ${at}: ${error}`);
        },
      );
      if (opened?.issuerId !== undefined && opened.issuerId !== provider.issuerId) accepted.push(at);
    }
    assert.deepEqual(accepted, []);
  });

  it("a Secret without one of its keys", () => {
    assert.throws(() => fromSecretData({ "ca.crt": "x" }), /no "private.key"/);
    assert.throws(() => fromSecretData({ "ca.crt": "", "private.key": "x" }), /no "ca.crt"/);
  });

  function read(certificate: string, key = certificate): RootMaterial {
    const text = (name: string) => readFileSync(join(folder, name), "utf8");
    return { certificate: text(`${certificate}.crt`), privateKey: new Redacted(text(`${key}.key`)) };
  }
});

describe("providers that change what they were asked for", () => {
  async function altering(
    change: (request: Parameters<CertificateProvider["issue"]>[0]) => Parameters<CertificateProvider["issue"]>[0],
  ): Promise<Authority> {
    const honest = await openBuiltin(await makeRoot({ now: NOW }), () => NOW);
    const provider: CertificateProvider = { ...honest, issue: (request) => honest.issue(change(request)) };
    return new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => NOW });
  }
  const refused = (field: string) => (error: unknown) =>
    error instanceof IssueRefused && error.reason.kind === "provider-altered" && error.reason.field === field;

  it("more names, fewer names or a longer life are refused", async () => {
    const more = await altering((request) => ({
      ...request,
      dnsSans: [...request.dnsSans, "other.shop.cluster.local"],
    }));
    await assert.rejects(more.issue(SERVICE, HOUR), refused("DNS names"));
    const fewer = await altering((request) => ({ ...request, uriSans: [] }));
    await assert.rejects(fewer.issue(SERVICE, HOUR), refused("URI names"));
    const other = await altering((request) => ({ ...request, commonName: "other.shop.cluster.local" }));
    await assert.rejects(other.issue(SERVICE, HOUR), refused("common name"));
    const longer = await altering((request) => ({ ...request, notAfter: request.notAfter + 10 * MINUTE }));
    await assert.rejects(longer.issue(SERVICE, HOUR), refused("end of life"));
  });

  it("a leaf that could sign is refused", async () => {
    const honest = await openBuiltin(await makeRoot({ now: NOW }), () => NOW);
    const provider: CertificateProvider = {
      ...honest,
      async issue(request) {
        const issued = await honest.issue(request);
        return { ...issued, leaf: { ...issued.leaf, isAuthority: true } };
      },
    };
    const authority = new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => NOW });
    await assert.rejects(authority.issue(SERVICE, HOUR), refused("CA flag"));
  });

  it("a shorter life is taken as it is", async () => {
    const shorter = await altering((request) => ({ ...request, notAfter: request.notAfter - 30 * MINUTE }));
    const leaf = await shorter.issue(SERVICE, HOUR);
    assert.equal(leaf.notAfter, Math.floor((NOW + 30 * MINUTE) / 1000) * 1000);
  });

  it("a life below a second is our own mistake", async () => {
    const authority = await altering((request) => request);
    for (const life of [0, 999, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(authority.issue(SERVICE, life), RangeError);
  });
});

describe("rsaKind", () => {
  it("takes 2048 to 4096 bits", () => {
    assert.deepEqual(
      [2048, 3072, 4096].map((bits) => rsaKind(bits)?.kind),
      ["rsa", "rsa", "rsa"],
    );
    assert.deepEqual([0, 1024, 2047, 2049, 4097, 8192, Number.NaN].map(rsaKind), new Array(7).fill(undefined));
  });
});
