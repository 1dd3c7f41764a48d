/** What is issued, judged by the `openssl` program: a second opinion that shares no code with us. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redacted } from "../core/base/redacted.ts";
import { Authority } from "./authority.ts";
import { type KeyKind, makeKeyPair } from "./keys.ts";
import type { Leaf } from "./leaf.ts";
import { parsePem, toPem } from "./pem.ts";
import { parseCertificate } from "./pki-read.ts";
import { makeRoot, openBuiltin, type RootMaterial } from "./providers/builtin.ts";
import type { LeafSubject } from "./subject.ts";

const HOUR = 3_600_000;
const NOW = Date.now();
const UUID = "11111111-2222-3333-4444-555555555555";
const BOOKBUYER = { namespace: "bookbuyer", name: "bookbuyer" };
const RSA: KeyKind = { kind: "rsa", bits: 2048 };
const P256: KeyKind = { kind: "p256" };

const SUBJECTS = [
  {
    subject: { kind: "service", serviceAccount: BOOKBUYER },
    commonName: "bookbuyer.bookbuyer.cluster.local",
    sans: "DNS:bookbuyer.bookbuyer.cluster.local, URI:spiffe://cluster.local/bookbuyer/bookbuyer",
  },
  {
    subject: { kind: "proxy", identity: { uuid: UUID, serviceAccount: BOOKBUYER } },
    commonName: `${UUID}.sidecar.bookbuyer.bookbuyer.cluster.local`,
    sans: `DNS:${UUID}.sidecar.bookbuyer.bookbuyer.cluster.local, URI:spiffe://cluster.local/bookbuyer/bookbuyer`,
  },
  {
    subject: { kind: "server", dnsNames: ["ads.cluster.local", "osm-controller.osm-system.svc"] },
    commonName: "ads.cluster.local",
    sans: "DNS:ads.cluster.local, DNS:osm-controller.osm-system.svc",
  },
] as const satisfies readonly { readonly subject: LeafSubject; readonly sans: string; readonly commonName: string }[];

describe("issued chains", () => {
  let folder = "";
  before(() => {
    // Its absence fails the suite: without it nothing here would be proven.
    execFileSync("openssl", ["version"]);
    folder = mkdtempSync(join(tmpdir(), "osm-chain-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  function openssl(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync("openssl", [...args], { encoding: "utf8" });
    assert.equal(status, 0, `openssl ${args.join(" ")}: ${stdout} ${stderr}`);
    return stdout;
  }

  function verify(root: RootMaterial, leaf: Leaf, ...more: readonly string[]): string {
    const bundle = file("ca.crt", root.certificate);
    return openssl("verify", "-x509_strict", ...more, "-CAfile", bundle, file("leaf.crt", leaf.chain));
  }

  async function authorityOn(root: RootMaterial, keys: KeyKind): Promise<Authority> {
    const now = () => NOW;
    return new Authority({ provider: await openBuiltin(root, now), trustDomain: "cluster.local", now, keys });
  }

  for (const key of [P256, RSA]) {
    it(`a root of ${key.kind} passes the strict check of itself, and says what a root must`, async () => {
      const root = await makeRoot({ now: NOW, key });
      const path = file("root.crt", root.certificate);
      openssl("verify", "-x509_strict", "-CAfile", path, path);
      const text = openssl("x509", "-in", path, "-noout", "-text");
      assert.match(text, /Basic Constraints: critical\s+CA:TRUE\n/);
      assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
      assert.match(text, /Subject Key Identifier/);
      const { notBefore, notAfter } = await parseCertificate(root.certificate, "root");
      assert.equal(Math.round((notAfter - NOW) / HOUR), 87_600);
      assert.ok(notBefore < NOW);
    });

    for (const { subject, sans, commonName } of SUBJECTS) {
      it(`a ${subject.kind} leaf of ${key.kind} verifies as server and client and has exactly its names [e2e_spiffe]`, async () => {
        const root = await makeRoot({ now: NOW });
        const leaf = await (await authorityOn(root, key)).issue(subject, HOUR);
        verify(root, leaf, "-purpose", "sslserver");
        verify(root, leaf, "-purpose", "sslclient");
        const path = file("leaf.crt", leaf.chain);
        const names = openssl("x509", "-in", path, "-noout", "-ext", "subjectAltName").split("\n");
        assert.equal(names[1]?.trim(), sans);
        assert.equal(openssl("x509", "-in", path, "-noout", "-subject").trim(), `subject=CN = ${commonName}`);
        const text = openssl("x509", "-in", path, "-noout", "-text");
        assert.match(text, /Basic Constraints: critical\s+CA:FALSE\n/);
        assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication\n/);
        assert.match(
          text,
          key === RSA ? /critical\s+Digital Signature, Key Encipherment\n/ : /critical\s+Digital Signature\n/,
        );
        assert.equal(openssl("x509", "-in", path, "-noout", "-serial").trim().toLowerCase(), `serial=${leaf.serial}`);
      });
    }
  }

  // As an operator's own openssl makes them, and as OSM's Tresor did (RSA 2048, PKCS#8).
  for (const [name, keyArgs] of [
    ["RSA, PKCS#8", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
    ["RSA, PKCS#1", ["genrsa", "-traditional", "2048"]],
    ["P-256, SEC1", ["ecparam", "-genkey", "-name", "prime256v1"]],
    ["P-384, SEC1", ["ecparam", "-genkey", "-name", "secp384r1"]],
  ] as const) {
    it(`an existing root of ${name} is taken over, and its leaves verify`, async () => {
      const privateKey = openssl(...keyArgs);
      const dn = "/C=US/L=CA/O=Open Service Mesh/CN=osm-ca.openservicemesh.io";
      const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
      const certificate = openssl(
        "req",
        "-x509",
        "-key",
        file("own.key", privateKey),
        "-subj",
        dn,
        "-days",
        "9",
        ...usage,
      );
      const root = { certificate, privateKey: new Redacted(privateKey) };
      const now = () => Date.now() + 1000;
      const authority = new Authority({ provider: await openBuiltin(root, now), trustDomain: "cluster.local", now });
      verify(
        root,
        await authority.issue({ kind: "service", serviceAccount: BOOKBUYER }, HOUR),
        "-purpose",
        "sslserver",
      );
    });
  }

  it("the private key belongs to the leaf and is PKCS#8", async () => {
    const root = await makeRoot({ now: NOW });
    const leaf = await (await authorityOn(root, P256)).issue({ kind: "service", serviceAccount: BOOKBUYER }, HOUR);
    assert.match(leaf.key.reveal(), /^-----BEGIN PRIVATE KEY-----/);
    const fromKey = openssl("pkey", "-in", file("leaf.key", leaf.key.reveal()), "-pubout");
    assert.equal(fromKey, openssl("x509", "-in", file("leaf.crt", leaf.chain), "-noout", "-pubkey"));
    assert.ok(!JSON.stringify(leaf).includes("PRIVATE"));
  });

  it("what the provider says of a leaf is what the leaf says", async () => {
    for (const key of [P256, RSA]) {
      const provider = await openBuiltin(await makeRoot({ now: NOW }), () => NOW);
      const { publicKey } = await makeKeyPair(key);
      const csr = () => Promise.reject(new Error("the built-in provider needs no request"));
      const validity = { notBefore: NOW - 1500, notAfter: NOW + HOUR + 999 };
      const names = { commonName: "a.b", dnsSans: ["a.b", "c.d"], uriSans: ["spiffe://x/y/z", "https://q"] };
      const { chain, leaf } = await provider.issue({ ...names, ...validity, publicKey, csr });
      assert.deepEqual(await parseCertificate(chain[0], "leaf"), leaf);
      assert.deepEqual({ commonName: leaf.commonName, dnsSans: leaf.dnsSans, uriSans: leaf.uriSans }, names);
    }
  });

  it("of two common names none is read, and an extension that comes twice makes the certificate unreadable", async () => {
    const key = file("two.key", openssl("ecparam", "-genkey", "-name", "prime256v1"));
    const two = openssl("req", "-x509", "-key", key, "-subj", "/CN=a.b/CN=c.d");
    const info = await parseCertificate(two, "two");
    assert.deepEqual([info.commonName, info.subject], [undefined, "CN=a.b, CN=c.d"]);

    const leaf = await (await authorityOn(await makeRoot({ now: NOW }), P256)).issue(SUBJECTS[0].subject, HOUR);
    const [block] = parsePem(leaf.chain, "leaf");
    // The last byte of the object identifiers: extended key usage becomes a second list of names.
    const der = Uint8Array.from(block?.der ?? [], (byte, at) =>
      byte === 0x25 && block?.der[at - 1] === 0x1d && block.der[at - 2] === 0x55 ? 0x11 : byte,
    );
    await assert.rejects(parseCertificate(toPem("CERTIFICATE", der), "leaf"), /has an extension twice/);
  });

  it("a leaf of another root does not verify", async () => {
    const [root, other] = [await makeRoot({ now: NOW }), await makeRoot({ now: NOW })];
    const leaf = await (await authorityOn(other, P256)).issue({ kind: "service", serviceAccount: BOOKBUYER }, HOUR);
    assert.throws(() => verify(root, leaf));
  });

  it("dates from 2050 on are GeneralizedTime, those before are UTCTime, and both are read back", async () => {
    const early = Date.UTC(2049, 11, 31, 23, 59, 59);
    const late = Date.UTC(2050, 0, 1);
    for (const [notAfter, form] of [
      [early, "UTCTIME"],
      [late, "GENERALIZEDTIME"],
      [late + 40 * 8766 * HOUR, "GENERALIZEDTIME"],
    ] as const) {
      const root = await makeRoot({ now: NOW, life: notAfter - NOW });
      const path = file("dated.crt", root.certificate);
      const times = openssl("asn1parse", "-in", path)
        .split("\n")
        .filter((line) => /TIME/.test(line));
      assert.match(times[0] ?? "", /UTCTIME/);
      assert.match(times[1] ?? "", new RegExp(form));
      assert.equal((await parseCertificate(root.certificate, "dated")).notAfter, notAfter);
      openssl("verify", "-x509_strict", "-CAfile", path, path);
    }
  });

  it("serials are positive, of 128 bits and never the same", async () => {
    const authority = await authorityOn(await makeRoot({ now: NOW }), P256);
    const serials = new Set<string>();
    let highBit = 0;
    for (let i = 0; i < 40; i++) {
      const leaf = await authority.issue({ kind: "service", serviceAccount: BOOKBUYER }, HOUR);
      assert.match(leaf.serial, /^[0-9a-f]{32}$/);
      if (/^[89a-f]/.test(leaf.serial)) highBit += 1;
      const shown = openssl("x509", "-in", file("leaf.crt", leaf.chain), "-noout", "-serial").trim().toLowerCase();
      assert.equal(shown, `serial=${leaf.serial}`); // openssl would show a minus
      serials.add(leaf.serial);
    }
    assert.equal(serials.size, 40);
    assert.ok(highBit > 0, "no serial had its highest bit set, which is the case that could turn negative");
  });
});
