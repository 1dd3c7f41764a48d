/** Identity on real Envoys: whose certificate is taken, and what a stolen one is good for. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Captured } from "../support/captured-leaf.ts";
import { TestMesh } from "../support/mesh.ts";
import { app, client, meshConfig, namespace, service } from "../support/workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BUN = join(ROOT, "node_modules/.bin/bun");
const ALICE = { namespace: "people", name: "alice" };
const BOB = { namespace: "people", name: "bob" };
/** Not redirected in the pod, so that the application itself answers the callers' TLS. */
const PORT = 8443;

describe("identity", () => {
  const folder = mkdtempSync(join(tmpdir(), "osm-identity-"));
  const leafFile = join(folder, "leaf.json");
  let mesh: TestMesh;

  before(async () => {
    writeFileSync(leafFile, "{}");
    mesh = await TestMesh.start([
      namespace("shop"),
      namespace("people"),
      meshConfig({ permissive: true }),
      ...client(ALICE),
      ...client(BOB),
      ...app({
        namespace: "shop",
        name: "vault",
        run: { command: ["sh", "-c", "sleep infinity"] },
        annotations: { "openservicemesh.io/inbound-port-exclusion-list": String(PORT) },
      }),
      service({ namespace: "shop", name: "vault" }, [{ port: PORT, appProtocol: "http" }]),
    ]);
  });
  after(async () => {
    await mesh?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Plays the proxy of a pod: as the proxy's user, past the redirection, with its bootstrap files. */
  async function capture(pod: string, nodeId: string): Promise<Captured> {
    const found = await mesh.exec(
      pod,
      "sh",
      "-c",
      "tr '\\0' '\\n' </proc/$(pgrep -x envoy -n)/cmdline | grep bootstrap.yaml || ls -d /*/bootstrap.yaml /*/*/bootstrap.yaml",
    );
    const bootstrap = found.stdout.trim().split("\n")[0] ?? "";
    assert.match(bootstrap, /bootstrap\.yaml$/, `${found.stdout}${found.stderr}`);
    const { code, stdout, stderr } = await mesh.exec(
      pod,
      "setpriv",
      "--reuid=1500",
      "--regid=1500",
      "--clear-groups",
      BUN,
      join(ROOT, "test/support/captured-leaf.ts"),
      dirname(bootstrap),
      nodeId,
    );
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Captured;
  }

  /** Lets the application of shop/vault answer TLS with this leaf, for as long as `check` runs. */
  async function answeringWith(leaf: Captured, check: () => Promise<void>): Promise<void> {
    writeFileSync(leafFile, JSON.stringify(leaf));
    const server = mesh.exec(
      "shop/vault",
      "timeout",
      "20",
      BUN,
      join(ROOT, "test/support/tls-server.ts"),
      String(PORT),
      leafFile,
    );
    try {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await check();
    } finally {
      await mesh.exec("shop/vault", "pkill", "-f", "tls-server.ts");
      await server;
    }
  }

  it("takes an answer from the service's own account", async () => {
    const own = await capture("shop/vault", "any-node-id");
    await answeringWith(own, () =>
      mesh.eventually("alice is answered", 3000, async () => {
        assert.equal((await mesh.get("people/alice", `http://vault.shop:${PORT}/`)).status, 200);
      }),
    );
  });

  it("takes no answer from a captured leaf of another account, though the same root signed it", async () => {
    const stolen = await capture("people/bob", "any-node-id");
    await answeringWith(stolen, async () => {
      await mesh.eventually("alice's proxy has refused the name", 5000, async () => {
        assert.equal((await mesh.get("people/alice", `http://vault.shop:${PORT}/`)).status, 503);
        // Envoy's own count, so that a server which did not listen yet does not pass for a refused name.
        const { stdout } = await mesh.exec(
          "people/alice",
          "curl",
          "-s",
          "http://127.0.0.1:15000/stats?filter=fail_verify_san",
        );
        assert.match(stdout, /fail_verify_san: [1-9]/);
      });
    });
  });

  it("gives whoever names another node's id only what their own certificate proves", async () => {
    const { stdout } = await mesh.osm("status", "--json");
    const pods = JSON.parse(stdout).pods as readonly { name: string; proxy: { uuid: string } }[];
    const vault = pods.find(({ name }) => name.startsWith("vault"))?.proxy.uuid ?? "";
    assert.notEqual(vault, "");
    const { chain, clusters } = await capture("people/bob", `${vault}.sidecar.vault.shop.cluster.local`);
    writeFileSync(join(folder, "bob.pem"), chain);
    const { X509Certificate } = await import("node:crypto");
    assert.match(new X509Certificate(chain).subjectAltName ?? "", /DNS:bob\.people\.cluster\.local/);
    assert.ok(!clusters.some((name) => name.endsWith("|local")), "nothing of the vault's own inbound side");
  });
});
