/** What a kubelet is told through a real Envoy about applications that it cannot ask itself. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../../src/core/envoy/bootstrap.ts";
import type { HttpProbe, ProbePlan } from "../../src/core/ir/probe.ts";
import { checkHealth } from "../../src/local/runtime/grpc-health.ts";
import {
  freePort,
  type ProbeBed,
  type ProbedApp,
  startGrpcApp,
  startHttpApp,
  startHttpsApp,
  startProbeBed,
  startTcpApp,
} from "./probe-bed.ts";
import { envoyFromEnvironment, throwAway, validateText } from "./validate.ts";

const apps: ProbedApp[] = [];
let web: ProbedApp, secure: ProbedApp, tcp: ProbedApp, grpc: ProbedApp, other: ProbedApp;
let silent: number;
let bed: ProbeBed;

async function started(app: Promise<ProbedApp>): Promise<ProbedApp> {
  apps.push(await app);
  return app;
}

function http(probe: Partial<HttpProbe> & Pick<HttpProbe, "container">): HttpProbe {
  return { kind: "liveness", scheme: "HTTP", path: "/healthz", port: web.port, timeout: 1000, ...probe };
}

function get(port: number, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${bed.at(port)}${path}`, { redirect: "manual", ...init });
}

async function statusOf(port: number, path: string, init: RequestInit = {}): Promise<number> {
  const answer = await get(port, path, init);
  await answer.text();
  return answer.status;
}

async function untilTcp(port: number, wanted: number): Promise<void> {
  const end = Date.now() + 10_000;
  for (;;) {
    const status = await statusOf(15904, "/osm-healthcheck", { headers: { "Original-Tcp-Port": String(port) } });
    if (status === wanted) return;
    if (Date.now() > end) assert.fail(`port ${port} stays at ${status}, expected ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

before(async () => {
  web = await started(startHttpApp());
  other = await started(startHttpApp());
  secure = await started(startHttpsApp());
  tcp = await started(startTcpApp());
  grpc = await started(startGrpcApp());
  silent = await freePort();
  bed = await startProbeBed({
    http: [
      http({ container: "web" }),
      http({ container: "web2", port: other.port, path: "/healthz?full=1&a=%2F" }),
      http({ container: "dead", port: silent }),
      http({ container: "web", kind: "readiness", path: "/slow" }),
      http({ container: "patient", kind: "readiness", path: "/slow", timeout: 5000 }),
      http({ container: "secure", kind: "startup", scheme: "HTTPS", port: secure.port }),
    ],
    tcp: [
      { port: tcp.port, interval: 1000, timeout: 1000 },
      { port: silent, interval: 1000, timeout: 1000 },
    ],
    grpc: [{ listenPort: 15905, port: grpc.port, timeout: 1000 }],
  });
});

after(async () => {
  await bed?.stop();
  for (const app of apps) await app.close().catch(() => {});
});

describe("through a real Envoy, an HTTP probe", () => {
  it("H1: reaches its own container's application at the path that it was written with", async () => {
    assert.equal(await statusOf(15901, "/osm-liveness-probe/web"), 200);
    assert.equal(web.seen.at(-1)?.line, "GET /healthz");
    assert.equal(await statusOf(15901, "/osm-liveness-probe/web2"), 200);
    assert.equal(other.seen.at(-1)?.line, "GET /healthz?full=1&a=%2F");
  });

  it("carries the kubelet's headers and no others of Envoy's", async () => {
    await statusOf(15901, "/osm-liveness-probe/web", { headers: { "x-mine": "1", "user-agent": "kube-probe/1.34" } });
    const headers = web.seen.at(-1)?.headers ?? {};
    assert.equal(headers["x-mine"], "1");
    assert.equal(headers["user-agent"], "kube-probe/1.34");
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith("x-envoy") || name === "x-request-id"),
      [],
    );
  });

  it("fails where nothing listens", async () => {
    assert.equal(await statusOf(15901, "/osm-liveness-probe/dead"), 503);
  });

  it("has the time that it was given, and no more", async () => {
    assert.equal(await statusOf(15902, "/osm-readiness-probe/web"), 504);
    assert.equal(await statusOf(15902, "/osm-readiness-probe/patient"), 200);
  });

  it("by HTTPS takes a certificate that nobody knows, and TLS 1.3", async () => {
    assert.equal(await statusOf(15903, "/osm-startup-probe/secure"), 200);
    assert.equal(secure.seen.at(-1)?.line, "GET /healthz");
    assert.equal(await statusOf(15903, "/osm-startup-probe"), 200, "and at OSM 1.2's path, since it is the only one");
    assert.equal(await statusOf(15901, "/osm-liveness-probe"), 404, "of several, none is meant");
  });

  for (const [what, path, init] of [
    ["a path that begins with a probe's", "/osm-liveness-probe/web2/../../secret", {}],
    ["a path below a probe's", "/osm-liveness-probe/web/secret", {}],
    ["the application's own path", "/healthz", {}],
    ["another method", "/osm-liveness-probe/web", { method: "POST", body: "x" }],
    ["another kind's path", "/osm-startup-probe/secure", {}],
  ] as const) {
    it(`lets nobody in by ${what}`, async () => {
      const before = web.seen.length + other.seen.length;
      assert.equal(await statusOf(15901, path, init), 404);
      assert.equal(web.seen.length + other.seen.length, before);
    });
  }
});

describe("through a real Envoy, a TCP probe", () => {
  it("passes where the application listens, and fails as soon as it does not", async () => {
    await untilTcp(tcp.port, 200);
    await tcp.close();
    await untilTcp(tcp.port, 503);
    await started(startTcpApp(tcp.port));
    await untilTcp(tcp.port, 200);
  });

  it("fails where nothing ever listened", () => untilTcp(silent, 503));

  it("about a port that no probe is for is not answered: it would be a port scanner", async () => {
    assert.equal(
      await statusOf(15904, "/osm-healthcheck", { headers: { "Original-Tcp-Port": String(web.port) } }),
      404,
    );
    assert.equal(await statusOf(15904, "/osm-healthcheck"), 404);
  });
});

describe("through a real Envoy, a gRPC probe", () => {
  const check = (service: string) =>
    checkHealth({ host: "127.0.0.1", port: bed.at(15905), service }, AbortSignal.timeout(5000));

  it("asks the application for the very service", async () => {
    assert.equal((await check("")).ok, true);
    assert.equal((await check("down")).ok, false);
    assert.equal(grpc.seen.at(-1)?.line, "POST /grpc.health.v1.Health/Check");
  });
});

describe("a real Envoy", () => {
  it("says nothing to anybody before its first configuration, if it is to wait", async () => {
    const plan: ProbePlan = { http: [http({ container: "web" })], tcp: [], grpc: [] };
    const waiting = await startProbeBed(plan, "silent");
    try {
      // Its administration endpoint is there first, so this is an Envoy that runs and waits.
      const end = Date.now() + 10_000;
      const admin = () => fetch(`http://127.0.0.1:${waiting.at(15000)}/ready`).catch(() => undefined);
      while ((await admin()) === undefined && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await admin())?.status, 503);
      for (const path of [`${waiting.at(15904)}/osm-proxy-ready`, `${waiting.at(15901)}/osm-liveness-probe/web`])
        await assert.rejects(fetch(`http://127.0.0.1:${path}`, { signal: AbortSignal.timeout(1000) }));
    } finally {
      await waiting.stop();
    }
  });

  it("takes the whole bootstrap with every sort of probe", async () => {
    const { root, certificate, key } = await throwAway();
    const files = buildBootstrapFiles({
      nodeId: "proxy",
      cluster: "account.namespace",
      xds: { host: "osm-controller.osm-system.svc.cluster.local", port: 15128, serverName: "ads.cluster.local" },
      adminPort: 15000,
      tls: { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] },
      protocol: "delta",
      directory: "{directory}",
      waitForConfiguration: true,
      probes: {
        http: [http({ container: "a", scheme: "HTTPS", port: 8443 }), http({ container: "b", path: "/x?y=ä" })],
        tcp: [{ port: 5432, interval: 5000, timeout: 1000 }],
        grpc: [{ listenPort: 15905, port: 9090, timeout: 1000 }],
      },
    });
    const { accepted, output } = await validateText(files[BOOTSTRAP_FILES.bootstrap] ?? "", envoyFromEnvironment(), {
      ...files,
      [BOOTSTRAP_FILES.roots]: root,
      [BOOTSTRAP_FILES.certificate]: certificate,
      [BOOTSTRAP_FILES.key]: key.reveal(),
    });
    assert.ok(accepted, output);
    assert.doesNotMatch(output, /deprecated|unknown field/i);
  });
});
