/** `osm local` as its users see it: a directory that is edited, commands, crashes, and nothing left behind. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { app, client, type Manifest, meshConfig, namespace, service } from "../support/workloads.ts";

const CLIENT = "people/alice";
const API = "http://api.shop:8080";
const api = (identity: string) =>
  app({
    namespace: "shop",
    name: "api",
    run: { app: ["http-echo", "--port", "8080"] },
    port: 8080,
    env: { IDENTITY: identity },
  });

const MANIFESTS = [
  namespace("shop"),
  namespace("people"),
  namespace("outside", "outside"),
  meshConfig({ permissive: true }),
  ...client({ namespace: "people", name: "alice" }),
  ...client({ namespace: "outside", name: "eve" }),
  ...api("first"),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
];

function jsonList(items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

describe("osm local", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  it("applies an edit of the directory within a second", async () => {
    const file = join(mesh.directory, "config.yaml");
    const permissive = (on: boolean) => JSON.stringify(meshConfig({ permissive: on }));
    assert.equal((await mesh.get(CLIENT, API)).status, 200);
    // The same object as in the first file, so the file that is first by path wins.
    writeFileSync(file, permissive(false));
    await mesh.eventually("the edit is in force", 1500, async () =>
      assert.equal((await mesh.get(CLIENT, API)).status, 0),
    );
    rmSync(file);
    await mesh.eventually("and its end", 1500, async () => assert.equal((await mesh.get(CLIENT, API)).status, 200));
  });

  it("keeps the last good state of a broken file, and says file, line, path and reason", async () => {
    const file = join(mesh.directory, "policy.yaml");
    const route = (regex: string) =>
      `# a comment\napiVersion: specs.smi-spec.io/v1alpha4\nkind: HTTPRouteGroup\nmetadata: {namespace: shop, name: routes}\nspec:\n  matches:\n  - name: all\n    pathRegex: "${regex}"\n`;
    writeFileSync(file, route("/.*"));
    writeFileSync(file, route("/(unclosed"));
    await mesh.eventually("a report", 3000, async () => {
      assert.match(mesh.log(), /policy\.yaml:8: spec\.matches\[0\]\.pathRegex: .*unclosed/);
    });
    writeFileSync(file, "kind: [never closed");
    await mesh.eventually("a report of the syntax", 3000, async () => assert.match(mesh.log(), /policy\.yaml:1: /));
    assert.equal((await mesh.get(CLIENT, API)).status, 200);
    rmSync(file);
  });

  it("runs pods outside the mesh without a sidecar, and pods in it with one", async () => {
    const { stdout } = await mesh.osm("status", "--json");
    const pods = JSON.parse(stdout).pods as readonly { namespace: string; containers: readonly { name: string }[] }[];
    const names = (ns: string) => pods.find((pod) => pod.namespace === ns)?.containers.map(({ name }) => name);
    assert.deepEqual(names("outside"), ["main"]);
    assert.deepEqual([...(names("people") ?? [])].sort(), ["envoy", "main"]);
  });

  it("starts a crashed container again, and shows its log", async () => {
    await mesh.exec("shop/api", "pkill", "-f", "http-echo");
    await mesh.eventually("a restart", 15_000, async () => {
      const { stdout } = await mesh.osm("status", "--json");
      const pods = JSON.parse(stdout).pods as readonly { name: string; restarts: number; ready: boolean }[];
      const pod = pods.find(({ name }) => name.startsWith("api-"));
      assert.ok(pod !== undefined && pod.restarts > 0 && pod.ready);
    });
    assert.equal((await mesh.get(CLIENT, API)).status, 200);
    const { stdout } = await mesh.osm("logs", "shop/api");
    assert.match(stdout, /echoes HTTP on port 8080/);
    assert.match((await mesh.osm("logs", "shop/api", "-c", "envoy")).stdout, /"response_code":200/);
  });

  it("replaces pods when their template changes, without a failed request", async () => {
    const load = mesh.load(CLIENT, { url: API, perSecond: 30, seconds: 15 });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await mesh.apply(...api("second"));
    const { requests, outcomes, failures } = await load;
    assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
    assert.equal((await mesh.get(CLIENT, API)).headers["identity"], "second");
    await mesh.delete(...api("second"));
    await mesh.eventually("the directory's version is back", 15_000, async () => {
      assert.equal((await mesh.get(CLIENT, API)).headers["identity"], "first");
    });
  });

  it("names what it cannot find", async () => {
    const none = await mesh.osm("exec", "shop/nothing", "--", "true");
    assert.notEqual(none.code, 0);
    assert.match(none.stderr, /shop\/nothing/);
    assert.equal((await mesh.exec("shop/api", "sh", "-c", "exit 7")).code, 7);
  });
});

/** Processes of this machine whose environment or command line names the mesh. */
function processesOf(mark: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark) ||
          readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark)
        );
      } catch {
        return false; // it ended meanwhile
      }
    });
}

function networkOfTheMachine(): string {
  return execFileSync("sh", [
    "-c",
    "ip -o link | wc -l; ip netns list; ls /sys/class/net | sort; cat /proc/mounts | grep -c osm-local || true",
  ]).toString();
}

describe("osm local leaves nothing behind", () => {
  for (const [how, signal] of [
    ["Ctrl-C", "SIGINT"],
    ["kill -9, then down", "SIGKILL"],
  ] as const) {
    it(`after ${how}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "osm-nothing-"));
      const name = `nothing-${process.pid}-${signal.toLowerCase()}`;
      writeFileSync(join(folder, "all.json"), jsonList(MANIFESTS));
      const before = networkOfTheMachine();
      const osm = (process.env["OSM"] ?? "dist/osm").split(" ");
      const [program = "", ...rest] = osm;
      const up = spawn(program, [...rest, "local", "up", folder, "--name", name], { stdio: "ignore" });
      const run = (...args: readonly string[]) =>
        execFileSync(program, [...rest, "local", ...args, "--name", name]).toString();
      const deadline = Date.now() + 60_000;
      const isReady = (): boolean => {
        try {
          const { pods } = JSON.parse(run("status", "--json")) as { pods: readonly { ready: boolean }[] };
          return pods.length > 0 && pods.every(({ ready }) => ready);
        } catch {
          return false;
        }
      };
      while (!isReady()) {
        assert.ok(Date.now() < deadline, "the mesh never became ready");
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      assert.ok(processesOf(name).length > 1, "the check sees the mesh's processes while it runs");
      const ended = new Promise((resolve) => up.once("exit", resolve));
      up.kill(signal);
      await ended;
      if (signal === "SIGKILL") run("down");
      const gone = Date.now() + 15_000;
      while (processesOf(name).length > 0 && Date.now() < gone)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(processesOf(name), []);
      assert.equal(networkOfTheMachine(), before);
      rmSync(folder, { recursive: true, force: true });
    });
  }
});
