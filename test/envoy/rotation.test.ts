/** The change of the mesh's root on real Envoys, under load: no request fails, whatever happens to the control plane. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { LoadResult } from "../../src/demo/tasks/http-task.ts";
import { TestMesh } from "../support/mesh.ts";
import { app, client, httpRoutes, meshConfig, namespace, service, trafficTarget } from "../support/workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BUN = join(ROOT, "node_modules/.bin/bun");
const CALLER = "people/alice";
const URL = "http://api.shop:8080/x";

/** In SMI mode, where names decide: of whom a server takes a request, and from whom a caller takes an answer. */
const MANIFESTS = [
  namespace("shop"),
  namespace("people"),
  meshConfig({ permissive: false }),
  ...client({ namespace: "people", name: "alice" }),
  ...app({ namespace: "shop", name: "api", run: { app: ["http-echo", "--port", "8080"] }, port: 8080, replicas: 2 }),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({ namespace: "shop", name: "echo", run: { app: ["tcp-echo", "--port", "9000"] }, port: 9000 }),
  service({ namespace: "shop", name: "echo" }, [{ port: 9000, appProtocol: "tcp" }]),
  httpRoutes({ namespace: "shop", name: "all" }, [{ name: "all", pathRegex: "/.*", methods: ["*"] }]),
  ...["api", "echo"].map((to) =>
    trafficTarget({
      namespace: "shop",
      name: to,
      to,
      from: [{ namespace: "people", name: "alice" }],
      rules: [{ kind: "HTTPRouteGroup", name: "all", matches: ["all"] }],
    }),
  ),
];

interface Rotation {
  readonly phase: string;
  readonly step: number;
  readonly root: { readonly name: string };
  readonly next?: { readonly name: string };
  readonly laggards: readonly { readonly name: string; readonly reason: string }[];
}

async function rotationOf(mesh: TestMesh): Promise<Rotation> {
  const { code, stdout, stderr } = await mesh.certificate("status", "-o", "json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function mustCertificate(mesh: TestMesh, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await mesh.certificate(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** The record on disk, which is there while nobody answers; `steady` before there is one. */
function phaseOnDisk(stateDir: string): string {
  try {
    return JSON.parse(readFileSync(join(stateDir, "ca", "rotation.json"), "utf8")).phase;
  } catch {
    return "steady";
  }
}

/** On a busy machine a command takes seconds, and so does a phase: the folder is asked for once. */
const stateDirs = new WeakMap<TestMesh, string>();

async function untilPhase(mesh: TestMesh, wanted: string, withinMs = 60_000): Promise<void> {
  const stateDir = stateDirs.get(mesh) ?? (await mesh.status()).stateDir;
  stateDirs.set(mesh, stateDir);
  await mesh.eventually(`the rotation is ${wanted}`, withinMs, async () => assert.equal(phaseOnDisk(stateDir), wanted));
}

/** HTTP at a steady rate, and one TCP connection in use all the while; `check` runs meanwhile. */
async function underLoad(mesh: TestMesh, seconds: number, check: () => Promise<void>): Promise<void> {
  const http = mesh.load(CALLER, { url: URL, perSecond: 50, seconds });
  const tcp = mesh.exec(CALLER, BUN, join(ROOT, "test/support/long-tcp.ts"), "echo.shop", "9000", String(seconds));
  const [done, result, long] = await Promise.allSettled([check(), http, tcp]);
  if (result.status === "rejected") throw result.reason;
  assertNoFailure(result.value);
  if (long.status === "rejected") throw long.reason;
  const { sent, echoed, ended } = JSON.parse(long.value.stdout);
  assert.equal(ended, "complete", long.value.stdout);
  assert.equal(echoed, sent, long.value.stdout);
  if (done.status === "rejected") throw done.reason;
}

function assertNoFailure(result: LoadResult): void {
  assert.deepEqual(result.outcomes, { 200: result.requests }, JSON.stringify(result.failures));
}

/** Fingerprints of the roots that a proxy trusts, and the issuers of what it shows, in Envoy's own words. */
async function issuersHeld(mesh: TestMesh, pod: string): Promise<string> {
  const { stdout } = await mesh.exec(pod, "curl", "-s", "http://127.0.0.1:15000/certs");
  return stdout;
}

/** Gets ready to keep a pod's proxy from the control plane. Returns what does it at once, which returns its end. */
async function cutter(mesh: TestMesh, deployment: string): Promise<() => () => void> {
  const { pods, controlPlane } = await mesh.status();
  const ip = pods.find(({ name }) => name.startsWith(`${deployment}-`))?.ip;
  assert.ok(ip !== undefined);
  const rule = (verb: "-I" | "-D") => {
    const match = ["INPUT", "-s", ip, "-p", "tcp", "--dport", "15128", "-j", "DROP"];
    execFileSync("nsenter", ["-t", String(controlPlane.pid), "-n", "iptables", "-w", verb, ...match]);
  };
  return () => {
    rule("-I");
    return () => rule("-D");
  };
}

describe("a rotation of the root", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS, { controlPlane: "external" });
  });
  after(() => mesh?.stop());

  it("X2: moves all proxies to the new root, without a failed request", async () => {
    const first = await issuersHeld(mesh, CALLER);
    await underLoad(mesh, 20, async () => {
      const said = await mustCertificate(mesh, "rotate", "--timeout", "40s");
      assert.match(said, /^trusting: osm-ca-bundle signs/);
      assert.match(said, /issuing: /);
      assert.match(said, /steady: osm-ca-bundle--[0-9a-f]{8} signs and is trusted; 4 of 4 proxies\n$/);
    });
    const now = await issuersHeld(mesh, CALLER);
    const serialsOf = (text: string) =>
      new Set([...text.matchAll(/"serial_number": "([0-9a-f]+)"/g)].map(([, one]) => one));
    const before = serialsOf(first);
    const kept = [...serialsOf(now)].filter((serial) => before.has(serial));
    // The old root may stay in the files for a few seconds, since the control plane may still show a certificate of it.
    assert.ok(kept.length <= 1, `still held: ${kept.join(", ")}`);
  });

  it("moves to another trust domain, whose names RBAC and callers know by then", async () => {
    await underLoad(mesh, 20, async () => {
      await mustCertificate(mesh, "rotate", "--trust-domain", "mesh.example", "--timeout", "40s");
    });
    assert.match(await mustCertificate(mesh, "show", "shop/api"), /DNS names\s+api\.shop\.mesh\.example\n/);
    // A pod that is made now, and one that has lived since the first root, both reach the control plane.
    await mesh.exec("shop/api", "pkill", "-x", "envoy");
    await mesh.ready();
    assert.equal((await mesh.get(CALLER, URL)).status, 200);
  });

  for (const phase of ["trusting", "issuing"] as const) {
    it(`goes back from ${phase}, without a failed request`, async () => {
      const before = (await rotationOf(mesh)).root.name;
      await underLoad(mesh, 15, async () => {
        await mustCertificate(mesh, "rotate", "--no-wait");
        // It begins by trusting, and stays there for two seconds at least.
        if (phase === "issuing") await untilPhase(mesh, phase);
        await mustCertificate(mesh, "rollback");
        await untilPhase(mesh, "steady");
      });
      assert.equal((await rotationOf(mesh)).root.name, before);
    });
  }

  it("says no to what makes no sense, and why", async () => {
    const back = await mesh.certificate("rollback");
    assert.equal(back.code, 1);
    assert.match(back.stderr, /no rotation is under way/);
  });

  it("is held back by a proxy that is cut off, which is named, and goes on when it returns", async () => {
    await underLoad(mesh, 30, async () => {
      const cut = await cutter(mesh, "echo");
      await mustCertificate(mesh, "rotate", "--no-wait");
      await untilPhase(mesh, "issuing");
      const undo = cut();
      await new Promise((resolve) => setTimeout(resolve, 8000));
      const { phase, laggards } = await rotationOf(mesh);
      assert.equal(phase, "issuing");
      assert.deepEqual(
        laggards.map(({ name }) => name.replace(/-.*/, "")),
        ["shop/echo"],
        JSON.stringify(laggards),
      );
      undo();
      await untilPhase(mesh, "steady", 40_000);
    });
    assert.equal(
      (await mesh.tcp(CALLER, { host: "echo.shop", port: 9000, send: "hello\n" })).data,
      "echo response: hello\n",
    );
  });
});

describe("a control plane that is killed during a rotation", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS, { controlPlane: "external" });
  });
  after(() => mesh?.stop());

  async function kill(): Promise<void> {
    const { pid } = (await mesh.status()).controlPlane;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }

  it("at every boundary goes on from there, without a failed request", async () => {
    await underLoad(mesh, 40, async () => {
      await mustCertificate(mesh, "rotate", "--no-wait");
      for (const phase of ["trusting", "issuing", "steady"]) {
        await untilPhase(mesh, phase);
        await kill();
      }
    });
    await mesh.eventually("it answers", 20_000, async () => {
      const { phase, root } = await rotationOf(mesh);
      assert.equal(phase, "steady");
      assert.match(root.name, /^osm-ca-bundle--/);
    });
  });

  it("at random moments goes on, forward and back, without a failed request", async () => {
    const kills = Number(process.env["ROTATION_KILLS"] ?? 20);
    const { stateDir } = await mesh.status();
    const hit = new Set<string>();
    await underLoad(mesh, 15 + kills * 6, async () => {
      await mustCertificate(mesh, "rotate", "--no-wait");
      for (let i = 0; i < kills; i++) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 4000));
        hit.add(phaseOnDisk(stateDir));
        await kill();
        await mesh.eventually("it answers again", 20_000, async () => void (await rotationOf(mesh)));
        const { phase } = await rotationOf(mesh);
        if (phase === "steady") await mustCertificate(mesh, "rotate", "--no-wait");
        else if (i % 3 === 2) await mesh.certificate("rollback");
      }
      await untilPhase(mesh, "steady", 60_000);
    });
    for (const phase of ["trusting", "issuing"]) assert.ok(hit.has(phase), `never killed in ${phase}: ${[...hit]}`);
  });
});
