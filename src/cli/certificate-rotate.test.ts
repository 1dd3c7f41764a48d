import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { captureTerminal, type Terminal } from "../../test/support/terminal.ts";
import { type ProgramDeps, runProgram } from "./program.ts";

const refuse = (): Promise<never> => Promise.reject(new Error("not in this test"));
const DEPS: ProgramDeps = {
  startControlPlane: refuse,
  openAuthority: refuse,
  runController: refuse,
  runCluster: refuse,
  version: { version: "1.2.3", runtime: "test" },
};

const root = (name: string) => ({ name, provider: "builtin", trustDomain: "cluster.local" });
const state = (phase: string, from: string, next?: string) => ({
  phase,
  step: 1,
  root: root(from),
  ...(next === undefined ? {} : { next: root(next) }),
  proxies: { total: 2, passed: 1 },
  laggards: [],
});
const STEADY = state("steady", "old");
const MOVING = state("trusting", "old", "next");
const OVER = state("steady", "next");

const OBJECT = `
apiVersion: config.openservicemesh.io/v1alpha2
kind: MeshRootCertificate
metadata: {name: issuers, namespace: osm-system}
spec:
  role: passive
  trustDomain: mesh.example
  provider: {certManager: {issuerName: ca, issuerKind: ClusterIssuer, issuerGroup: cert-manager.io}}
`;

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

describe("osm certificate rotate", () => {
  const folder = mkdtempSync(join(tmpdir(), "osm-rotate-"));
  let server: Server;
  let asked: { readonly path: string; readonly body: unknown }[] = [];
  /** What the API says, one answer after the other, by method and path; the last again and again. */
  let answers: Record<string, readonly unknown[]>;
  let terminal: Terminal;

  function answerTo(method: string, path: string, body: string): unknown {
    if (method === "POST") asked.push({ path, body: JSON.parse(body) });
    const [next, ...rest] = answers[`${method} ${path}`] ?? [];
    if (rest.length > 0) answers[`${method} ${path}`] = rest;
    return next;
  }

  before(async () => {
    writeFileSync(join(folder, "token"), "t");
    server = createServer(async (request, response) => {
      const answer = answerTo(request.method ?? "", request.url ?? "", await textOf(request));
      response.writeHead(answer === undefined ? 409 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? { detail: "it is in use" }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    asked = [];
    answers = {
      "GET /api/v1/rotation": [STEADY, MOVING, OVER],
      "POST /api/v1/rotation/start": [MOVING],
      "POST /api/v1/rotation/forget": [{ root: "old", deleted: ["Secret osm-system/old"] }],
    };
    terminal = captureTerminal();
  });
  afterEach(() => terminal.release());

  const osm = (...args: string[]): Promise<number> => {
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return runProgram(DEPS, ["bun", "osm", ...args, "--api", api, "--token-file", join(folder, "token")]);
  };
  const rotate = (...args: string[]) => osm("certificate", "rotate", "--no-wait", ...args);
  const manifest = (text: string): string => {
    writeFileSync(join(folder, "root.yaml"), text);
    return join(folder, "root.yaml");
  };

  const issuer = { issuerName: "ca", issuerKind: "ClusterIssuer", issuerGroup: "cert-manager.io" };
  const secretKeyRef = { name: "vault-token", key: "token", namespace: "osm-system" };
  const token = ["--vault-token-secret-name", "vault-token", "--vault-token-secret-key", "token"];
  const bodies: readonly (readonly [string, readonly string[], unknown])[] = [
    ["nothing", [], {}],
    ["a trust domain", ["-t", "mesh.example"], { trustDomain: "mesh.example" }],
    ["the built-in authority", ["--certificate-manager", "tresor"], {}],
    [
      "a Secret",
      ["--ca-bundle-secret-name", "mine", "--osm-namespace", "mesh"],
      { provider: { tresor: { ca: { secretRef: { name: "mine", namespace: "mesh" } } } } },
    ],
    [
      "Vault",
      [
        "--certificate-manager",
        "vault",
        "--vault-host",
        "v",
        "--vault-port",
        "1",
        "--vault-protocol",
        "https",
        ...token,
      ],
      {
        provider: {
          vault: { host: "v", port: 1, protocol: "https", role: "openservicemesh", token: { secretKeyRef } },
        },
      },
    ],
    [
      "cert-manager",
      [
        "--certificate-manager",
        "cert-manager",
        "--cert-manager-issuer-name",
        "ca",
        "--cert-manager-issuer-kind",
        "ClusterIssuer",
      ],
      { provider: { certManager: issuer } },
    ],
    ["an object that exists", ["-c", "spare"], { meshRootCertificate: "spare" }],
  ];
  for (const [what, flags, body] of bodies) {
    it(`asks for ${what}`, async () => {
      assert.equal(await rotate(...flags), 0, terminal.err);
      assert.deepEqual(asked, [{ path: "/api/v1/rotation/start", body }]);
      assert.equal(terminal.out, "trusting: old signs, next is trusted too; 1 of 2 proxies\n");
    });
  }

  it("takes name, provider and trust domain of a manifest", async () => {
    const body = { name: "issuers", provider: { certManager: issuer }, trustDomain: "mesh.example" };
    assert.equal(await rotate("-f", manifest(OBJECT)), 0, terminal.err);
    assert.equal(await rotate("-f", manifest(OBJECT), "-t", "other.example"), 0, terminal.err);
    assert.equal(await rotate("-f", manifest(OBJECT.replace(/ {2}trustDomain.*\n/, ""))), 0, terminal.err);
    const { trustDomain: _, ...rest } = body;
    assert.deepEqual(
      asked.map((one) => one.body),
      [body, { ...body, trustDomain: "other.example" }, rest],
    );
  });

  const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      "a flag of who does not sign",
      ["--vault-host", "v"],
      /--vault-host goes with --certificate-manager vault, and it is tresor/,
    ],
    [
      "a Secret for Vault",
      ["--certificate-manager", "vault", "--ca-bundle-secret-name", "x", ...token],
      /goes with .* tresor/,
    ],
    [
      "Vault without a token",
      ["--certificate-manager", "vault", "--vault-token-secret-name", "x"],
      /--vault-token-secret-key/,
    ],
    [
      "Vault's token itself",
      ["--certificate-manager", "vault", "--vault-token", "x"],
      /unknown option '--vault-token'/,
    ],
    ["an unknown authority", ["--certificate-manager", "step"], /tresor, vault, cert-manager/],
    ["two choices", ["-c", "a", "-t", "b"], /'-c, --meshrootcertificate <name>' cannot be used with/],
    ["two others", ["-f", "a", "--certificate-manager", "tresor"], /'-f, --file <manifest>' cannot be used with/],
    ["to delete what is in use", ["-d"], /--delete is for the end: leave --no-wait out/],
    ["a file that is not there", ["-f", join(folder, "none")], /none cannot be read/],
  ];
  for (const [what, flags, reason] of refusals) {
    it(`refuses ${what}, and asks for nothing`, async () => {
      assert.notEqual(await rotate(...flags), 0);
      assert.match(terminal.err, reason);
      assert.deepEqual(asked, []);
    });
  }

  it("refuses what is no manifest of a root, with the place", async () => {
    for (const [text, reason] of [
      ["a: [", /root\.yaml: /],
      ["", /must hold one MeshRootCertificate, and nothing else/],
      ["kind: Secret", /must hold one MeshRootCertificate/],
      [`${OBJECT}---${OBJECT}`, /and nothing else/],
      [
        OBJECT.replace("ClusterIssuer", "Other"),
        /root\.yaml: spec\.provider\.certManager\.issuerKind must be ClusterIssuer or/,
      ],
    ] as const) {
      terminal.err = "";
      assert.equal(await rotate("-f", manifest(text)), 1);
      assert.match(terminal.err, reason);
    }
    assert.deepEqual(asked, []);
  });

  it("waits for the end, and forgets the old root if it is told to", async () => {
    assert.equal(await osm("certificate", "rotate", "-d"), 0, terminal.err);
    assert.deepEqual(asked, [
      { path: "/api/v1/rotation/start", body: {} },
      { path: "/api/v1/rotation/forget", body: { root: "old" } },
    ]);
    assert.match(terminal.out, /steady: next signs and is trusted; .*\ndeleted Secret osm-system\/old\n$/);
  });

  it("forgets the old root also where all was over at once", async () => {
    answers["GET /api/v1/rotation"] = [STEADY, OVER];
    answers["POST /api/v1/rotation/start"] = [OVER];
    assert.equal(await osm("certificate", "rotate", "-d"), 0, terminal.err);
    assert.deepEqual(asked[1]?.body, { root: "old" });
  });

  it("forgets nothing where the rotation was rolled back", async () => {
    answers["GET /api/v1/rotation"] = [STEADY, MOVING, STEADY];
    assert.equal(await osm("certificate", "rotate", "-d"), 1);
    assert.match(terminal.err, /the rotation was rolled back: the root is old, not next/);
    assert.equal(asked.length, 1);
  });

  it("takes OSM's command line", async () => {
    const args = ["--mesh-name", "osm", "-y", "-w", "60s", "-d", "-t", "mesh.example", "-f", manifest(OBJECT)];
    assert.equal(await osm("alpha", "certificate", "rotate", ...args), 0, terminal.err);
    assert.equal(await osm("alpha", "certificate", "mrc", "--no-wait", "-c", "spare"), 0, terminal.err);
    assert.deepEqual(
      asked.map(({ path }) => path.replace("/api/v1/rotation/", "")),
      ["start", "forget", "start"],
    );
    assert.deepEqual(asked[2]?.body, { meshRootCertificate: "spare" });
    assert.equal(await osm("alpha", "certificate", "rotate", "-w", "soon"), 2);
    assert.match(terminal.err, /"soon" is no duration/);
  });

  it("forget says what was deleted, or the API's reason", async () => {
    assert.equal(await osm("certificate", "forget", "old"), 0, terminal.err);
    assert.equal(terminal.out, "deleted Secret osm-system/old\n");
    answers["POST /api/v1/rotation/forget"] = [];
    assert.equal(await osm("certificate", "forget", "old"), 1);
    assert.equal(terminal.err, "osm: it is in use\n");
  });
});
