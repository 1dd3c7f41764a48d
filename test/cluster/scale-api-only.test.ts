/**
 * `osm controller --kubeconfig` beside an API server without nodes: webhooks by URL, a thousand pods.
 *
 * Runs against the cluster that `KUBECONFIG_API_ONLY` names, or that of `KUBECONFIG` if it has no nodes: with nodes, a
 * thousand pods would be started. Its webhook configurations lead to this machine afterwards, so it is for throw-away
 * clusters.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCommand } from "../../src/local/tools/command.ts";
import { findProgram } from "../../src/local/tools/find.ts";
import { openAccess } from "../../src/sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import { DEPLOY, objectsIn } from "../deploy/documents.ts";
import { IMAGE, namespace } from "../support/workloads.ts";

const NS = "thousand";
const PODS = 1000;
/** Creations under way at a time: as many as a busy controller manager has. */
const AT_ONCE = 20;
const LIMIT = { timeout: 600_000 };
const OSM = join(DEPLOY, "..", "dist", "osm");

const kubeconfig = await apiOnly();

async function apiOnly(): Promise<string | undefined> {
  const named = process.env["KUBECONFIG_API_ONLY"];
  const common = process.env["KUBECONFIG"];
  if (named !== undefined) return named;
  if (common === undefined || findProgram("kubectl") === undefined) return undefined;
  const nodes = await runCommand(["kubectl", "get", "nodes", "-o", "name"]).catch(() => "unknown");
  return nodes === "" ? common : undefined;
}

describe("an API server alone", () => {
  if (kubeconfig === undefined) {
    const skip = "KUBECONFIG_API_ONLY names no API server, and the cluster of KUBECONFIG has nodes";
    it("injects a thousand pods, and keeps no Secret of them", { skip }, () => {});
    return;
  }
  let controller: ChildProcess;
  let client: KubernetesClient;
  let health: number;
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    runCommand(["kubectl", "--kubeconfig", kubeconfig, ...args], {
      timeout: 180_000,
      ...(input !== undefined && { input }),
    });

  before(async () => {
    const [xds, webhook, http, api] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    health = http;
    await kubectl(["apply", "-f", "-"], JSON.stringify(listOf(withUrls(objectsIn(join(DEPLOY, "osm.yaml")), webhook))));
    await kubectl(["apply", "-f", "-"], JSON.stringify(namespace(NS)));
    const ports = { xds, webhook, http, api };
    const addresses = Object.entries(ports).flatMap(([name, port]) => [`--${name}-address`, `127.0.0.1:${port}`]);
    controller = spawn(OSM, ["controller", "--kubeconfig", kubeconfig, ...addresses], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, OSM_DEFAULT_ENVOY_IMAGE: "envoy:test", OSM_DEFAULT_INIT_CONTAINER_IMAGE: "init:test" },
    });
    client = createClient(await openAccess({ kind: "file", path: kubeconfig }));
    await until("it is ready", 120, async () => (await fetch(`http://127.0.0.1:${http}/health/ready`)).ok);
    await until("the bundles are there", 60, async () => {
      const path = "jsonpath={.webhooks[*].clientConfig.caBundle}";
      return (await kubectl(["get", "mutatingwebhookconfiguration", "osm-webhook-osm", "-o", path])) !== "";
    });
  }, LIMIT);

  after(async () => {
    await kubectl(["delete", "mutatingwebhookconfiguration", "osm-webhook-osm", "--ignore-not-found"]);
    await kubectl(["delete", "validatingwebhookconfiguration", "osm-validator-mesh-osm", "--ignore-not-found"]);
    await kubectl(["delete", "namespace", NS, "--wait=false"]);
    client.close();
    if (controller.exitCode === null) controller.kill("SIGKILL");
  }, LIMIT);

  const secrets = () => kubectl(["-n", NS, "get", "secrets", "-l", "osm-proxy-uuid", "-o", "name"]);

  it(`injects ${PODS} pods at once, none of them late`, LIMIT, async () => {
    const slowest = { webhook: 0 };
    let next = 0;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let i = next++; i < PODS; i = next++) {
          const before = performance.now();
          // Rejects where the webhook was late or refused: its failurePolicy is Fail.
          const pod = await client.request({ method: "POST", path: `/api/v1/namespaces/${NS}/pods`, body: podOf(i) });
          slowest.webhook = Math.max(slowest.webhook, performance.now() - before);
          assert.match(JSON.stringify(pod), /"osm-proxy-uuid"/);
        }
      }),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const rate = Math.round(PODS / seconds);
    console.log(
      `${PODS} pods in ${seconds.toFixed(1)} s: ${rate} a second, the slowest ${Math.round(slowest.webhook)} ms`,
    );
    const answer = await fetch(`http://127.0.0.1:${health}/health/ready`);
    assert.equal(answer.status, 200);
  });

  it("gives each Secret to its pod, and none is left when the pods are gone", LIMIT, async () => {
    const owners = "jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind}{'\\n'}{end}";
    await until("all have an owner", 180, async () => {
      const kinds = await kubectl(["-n", NS, "get", "secrets", "-l", "osm-proxy-uuid", "-o", owners]);
      return kinds === "Pod\n".repeat(PODS);
    });
    await kubectl(["-n", NS, "delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false"]);
    await until("no Secret is left", 240, async () => (await secrets()) === "");
  });

  it("ends at once when it is asked to, and gives its lease back", LIMIT, async () => {
    const ended = once(controller, "exit");
    const askedAt = Date.now();
    controller.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    assert.ok(Date.now() - askedAt < 20_000, `it took ${Date.now() - askedAt} ms`);
    const holder = ["-n", "osm-system", "get", "lease", "osm-controller", "-o", "jsonpath={.spec.holderIdentity}"];
    assert.equal(await kubectl(holder), "");
  });
});

function podOf(i: number): unknown {
  const containers = [{ name: "main", image: IMAGE }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: NS, name: `pod-${i}` },
    // Account and token come from controllers that need not run here.
    spec: { serviceAccountName: "default", automountServiceAccountToken: false, containers },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** The objects of `osm.yaml`, their webhooks called by address instead of by Service. The Deployment is left out. */
function withUrls(objects: readonly Fields[], port: number): readonly Fields[] {
  return objects
    .filter(({ kind }) => kind !== "Deployment")
    .map((object) =>
      Array.isArray(object["webhooks"])
        ? { ...object, webhooks: object["webhooks"].map((webhook: Fields) => byUrl(webhook, port)) }
        : object,
    );
}

function byUrl(webhook: Fields, port: number): Fields {
  const { service } = webhook["clientConfig"] as { readonly service: { readonly path: string } };
  return { ...webhook, clientConfig: { url: `https://localhost:${port}${service.path}` } };
}

function listOf(items: readonly Fields[]): unknown {
  return { apiVersion: "v1", kind: "List", items };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port could be had");
  return address.port;
}

async function until(what: string, seconds: number, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await done().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
