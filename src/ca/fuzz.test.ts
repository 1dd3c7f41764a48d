/** Everything in PEM that users or other authorities can hand over, damaged: a clear error or a value, and soon. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { Redacted } from "../core/base/redacted.ts";
import { Authority } from "./authority.ts";
import { makeKeyPair, P256 } from "./keys.ts";
import { parsePem, toPem, Unreadable } from "./pem.ts";
import { parseChain } from "./pki-read.ts";
import { createRequest, parseRequest } from "./pki-request.ts";
import { parsePrivateKey } from "./private-key.ts";
import { makeRoot, openBuiltin, type RootMaterial } from "./providers/builtin.ts";
import { RootRefused } from "./refusal.ts";

const RUNS = 250;
const SEED = 20_261_123;
/** A reader that takes longer over a damaged text of a few kilobytes than this has a hole. */
const MOST_MILLIS = 2000;
const NAMES = { commonName: "a.b", dnsSans: ["a.b"], uriSans: [] };

type Damage = (der: Uint8Array) => Uint8Array;
const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const byte = fc.integer({ min: 0, max: 255 });
const place = (der: Uint8Array, ratio: number): number => Math.floor(ratio * der.length);

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(at, byte).map(
    ([where, value]): Damage =>
      (der) =>
        der.with(place(der, where), value),
  ),
  // The first bytes are tags and lengths of the outermost values.
  fc.tuple(fc.integer({ min: 0, max: 40 }), byte).map(
    ([i, value]): Damage =>
      (der) =>
        i < der.length ? der.with(i, value) : der,
  ),
  at.map(
    (where): Damage =>
      (der) =>
        der.slice(0, place(der, where)),
  ),
  fc.tuple(at, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
    ([where, more]): Damage =>
      (der) =>
        Uint8Array.of(...der.slice(0, place(der, where)), ...more, ...der.slice(place(der, where))),
  ),
  fc.tuple(at, at).map(
    ([a, b]): Damage =>
      (der) => {
        const [from, to] = [place(der, Math.min(a, b)), place(der, Math.max(a, b))];
        return Uint8Array.of(...der.slice(0, to), ...der.slice(from));
      },
  ),
);

const textDamages: fc.Arbitrary<(pem: string) => string> = fc.oneof(
  fc.tuple(at, fc.string({ maxLength: 20 })).map(([where, more]) => (pem: string) => {
    const i = Math.floor(where * pem.length);
    return pem.slice(0, i) + more + pem.slice(i);
  }),
  at.map((where) => (pem: string) => pem.slice(Math.floor(where * pem.length))),
  fc.constant((pem: string) => pem.replaceAll("\n", "\r\n")),
  fc.constant((pem: string) => pem + pem),
);

/** DER nested so deep that a reader by recursion runs out of stack. */
function nested(depth: number): Uint8Array {
  return Uint8Array.from({ length: depth * 2 }, (_, i) => (i % 2 === 0 ? 0x30 : 0x80));
}

let root: RootMaterial;
let request = "";
before(async () => {
  root = await makeRoot({ now: Date.now() });
  const { publicKey, privateKey } = await makeKeyPair(P256);
  request = await createRequest({ ...NAMES, publicKey, privateKey });
});

const READERS = [
  {
    name: "a request",
    label: "CERTIFICATE REQUEST",
    of: () => request,
    read: (pem: string) => parseRequest(pem, "the request"),
  },
  {
    name: "a certificate",
    label: "CERTIFICATE",
    of: () => root.certificate,
    read: (pem: string) => parseChain(pem, "ca.crt"),
  },
  {
    name: "a private key",
    label: "PRIVATE KEY",
    of: () => root.privateKey.reveal(),
    read: (pem: string) => parsePrivateKey(new Redacted(pem), "private.key"),
  },
  {
    name: "ca.crt of the root",
    label: "CERTIFICATE",
    of: () => root.certificate,
    read: (pem: string) => openBuiltin({ ...root, certificate: pem }, () => Date.now()),
  },
  {
    name: "private.key of the root",
    label: "PRIVATE KEY",
    of: () => root.privateKey.reveal(),
    read: (pem: string) => openBuiltin({ ...root, privateKey: new Redacted(pem) }, () => Date.now()),
  },
] as const;

describe("damaged PEM", () => {
  for (const { name, label, of, read } of READERS) {
    async function readDamaged(pem: string): Promise<"read" | "refused"> {
      const began = performance.now();
      const error: unknown = await read(pem).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      assert.ok(performance.now() - began < MOST_MILLIS, `it took ${performance.now() - began} ms`);
      if (error === undefined) return "read";
      assert.ok(error instanceof Unreadable || error instanceof RootRefused, `${error}`);
      assert.ok(error.message.length < 1000, error.message);
      for (const line of root.privateKey.reveal().split("\n").slice(1, -2)) {
        assert.ok(!error.message.includes(line), "the message holds a part of the key");
      }
      return "refused";
    }
    const derOf = (): Uint8Array => parsePem(of(), name)[0]?.der ?? new Uint8Array();

    it(`${name}, byte by byte`, async () => {
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(damages, async (damage) => {
          if ((await readDamaged(toPem(label, damage(derOf())))) === "refused") refused += 1;
        }),
        { numRuns: RUNS, seed: SEED },
      );
      assert.ok(refused > RUNS / 2, `only ${refused} of ${RUNS} were refused`);
    });

    it(`${name}, as text`, async () => {
      await fc.assert(
        fc.asyncProperty(textDamages, async (damage) => {
          await readDamaged(damage(of()));
        }),
        { numRuns: 60, seed: SEED },
      );
    });

    it(`${name}: nothing, noise, and values nested without end`, async () => {
      assert.equal(await readDamaged(of()), "read");
      for (const depth of [1, 100, 5000]) assert.equal(await readDamaged(toPem(label, nested(depth))), "refused");
      for (const text of [
        "",
        "\0",
        "hello",
        `-----BEGIN ${label}-----`,
        `-----BEGIN ${label}-----\n-----END ${label}-----\n`,
      ]) {
        assert.equal(await readDamaged(text), "refused");
      }
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (der) => {
          assert.equal(await readDamaged(toPem(label, der)), "refused");
        }),
        { numRuns: 100, seed: SEED },
      );
    });
  }

  it("a damaged request never gets a leaf of a name that was not proven", async () => {
    const provider = await openBuiltin(root, () => Date.now());
    const authority = new Authority({ provider, trustDomain: "x", now: () => Date.now() });
    const subject = { kind: "server", dnsNames: ["a.b"] } as const;
    const der = parsePem(request, "request")[0]?.der ?? new Uint8Array();
    await authority.sign(subject, request, 60_000);
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        const damaged = damage(der);
        if (Buffer.compare(damaged, der) === 0) return;
        // The signature covers all that a request asks for.
        await assert.rejects(authority.sign(subject, toPem("CERTIFICATE REQUEST", damaged), 60_000));
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
