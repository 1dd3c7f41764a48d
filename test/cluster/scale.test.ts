/**
 * Many pods at once, on real nodes: all injected, all ready.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { freemem } from "node:os";
import { after, before, describe, it } from "node:test";
import { app, namespace } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, setMode } from "./mesh.ts";

const NS = "scale-test";
const WANTED = 80;
/** Envoy's 40 MB, the application's, and what the kubelet keeps beside them. */
const MEMORY_OF_A_POD = 140 * 1024 * 1024;
const LIMIT = { timeout: 900_000 };

/** `OSM_TEST_PODS` says how many; else as many as this machine holds, if the nodes are on it. */
function podCount(): number {
  const asked = Number(process.env["OSM_TEST_PODS"]);
  return asked > 0 ? asked : Math.max(10, Math.min(WANTED, Math.floor(freemem() / MEMORY_OF_A_POD)));
}

/** Of an Envoy (deploy/README.md). */
const INOTIFY_INSTANCES = 4;

/** If the nodes are on this machine, what it allows a user is what a node has for all of its sidecars. */
function warnOfFewInotifyInstances(pods: number): void {
  const path = "/proc/sys/fs/inotify/max_user_instances";
  const most = existsSync(path) ? Number(readFileSync(path, "utf8")) : Number.POSITIVE_INFINITY;
  if (most < pods * INOTIFY_INSTANCES)
    console.warn(
      `!!! fs.inotify.max_user_instances is ${most}: a node like this holds ${most / INOTIFY_INSTANCES} pods`,
    );
}

describe("many pods at once", () => {
  before(async () => {
    await ensureMesh();
    await setMode("permissive");
    await apply(namespace(NS));
  }, LIMIT);
  after(async () => await deleteNamespaces(NS));

  const count = podCount();
  it(`${count} pods are all injected, and all ready`, LIMIT, async () => {
    warnOfFewInotifyInstances(count);
    if (count < WANTED) console.log(`only ${count} pods instead of ${WANTED}: that is what the memory holds`);
    const startedAt = Date.now();
    const run = { app: ["http-echo", "--port", "8080"] };
    await apply(...app({ namespace: NS, name: "many", run, port: 8080, replicas: count }));
    const path =
      "jsonpath={range .items[*]}{.metadata.labels.osm-proxy-uuid} {.status.conditions[?(@.type=='Ready')].status}{'\\n'}{end}";
    await eventually("all are ready", 700, async () => {
      const lines = (await kubectl(["-n", NS, "get", "pods", "-l", "app=many", "-o", path])).trim().split("\n");
      assert.equal(lines.length, count);
      assert.ok(
        lines.every((line) => !line.startsWith(" ")),
        "a pod has no sidecar",
      );
      const ready = lines.filter((line) => line.endsWith(" True")).length;
      assert.equal(ready, count);
    });
    // What the API server tells of pods that it refused.
    const refusals = await kubectl(["-n", NS, "get", "events", "--field-selector=reason=FailedCreate", "-o", "name"]);
    assert.equal(refusals, "");
    console.log(`${count} pods were ready after ${Math.round((Date.now() - startedAt) / 1000)} s`);
  });

  it("their Secrets belong to them, and go with them", LIMIT, async () => {
    const secrets = (path: string) => kubectl(["-n", NS, "get", "secrets", "-l", "osm-proxy-uuid", "-o", path]);
    await eventually("all have an owner", 120, async () => {
      const owners = await secrets("jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind}{'\\n'}{end}");
      assert.deepEqual(new Set(owners.trim().split("\n")), new Set(["Pod"]));
    });
    await kubectl(["-n", NS, "scale", "deployment", "many", "--replicas=0"]);
    await eventually("no Secret is left", 300, async () => assert.equal(await secrets("name"), ""));
  });
});
