import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Hono } from "hono";
import { type HealthDeps, healthRoutes } from "./health.ts";
import { type Answered, observeAnswers } from "./observe.ts";
import { type HealthState, judgeHealth } from "./readiness.ts";

const WELL: HealthState = {
  stopping: false,
  synced: true,
  compiled: true,
  failing: false,
  xdsListening: true,
  webhooksListening: true,
  certificateTrouble: [],
  sources: [{ kind: "Pod", state: "watching", since: 0, objects: 1 }],
};

function appOf(overrides: Partial<HealthDeps> = {}) {
  return healthRoutes({
    version: { version: "2.0.0", gitCommit: "abc", buildDate: "2026-11-23T00:00:00Z", runtime: "bun 1.4.5" },
    health: () => judgeHealth(WELL),
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "up 1\n" },
    onError: (error) => assert.fail(error),
    ...overrides,
  });
}

describe("health", () => {
  it("is alive as soon as it answers, also under OSM's path", async () => {
    for (const path of ["/health/alive", "/healthz"]) {
      const response = await appOf({ health: () => assert.fail("asked") }).request(path);
      assert.equal(response.status, 200);
    }
  });

  it("is ready once nothing keeps it from serving", async () => {
    const response = await appOf().request("/health/ready");
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { ready: true, reasons: [], warnings: [] });
  });

  it("lists all reasons against it", async () => {
    const state: HealthState = {
      ...WELL,
      synced: false,
      compiled: false,
      xdsListening: false,
      webhooksListening: false,
      certificateTrouble: [{ message: "the webhook server's certificate has expired", fatal: true }],
    };
    const response = await appOf({ health: () => judgeHealth(state) }).request("/health/ready");
    assert.equal(response.status, 503);
    const { ready, reasons } = await response.json();
    assert.equal(ready, false);
    assert.deepEqual(
      reasons.map(({ code }: { code: string }) => code),
      ["not-synced", "xds-not-listening", "webhooks-not-listening", "certificate-trouble"],
    );
  });

  it("answers in OSM's words at /version and /smi/version", async () => {
    assert.deepEqual(await (await appOf().request("/version")).json(), {
      version: "2.0.0",
      git_commit: "abc",
      build_date: "2026-11-23T00:00:00Z",
      runtime: "bun 1.4.5",
    });
    const smi = await (await appOf().request("/smi/version")).json();
    assert.equal(smi.TrafficTarget, "access.smi-spec.io/v1alpha3");
  });

  it("passes metrics on as they are", async () => {
    const response = await appOf().request("/metrics");
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4");
    assert.equal(await response.text(), "up 1\n");
  });

  it("tells nothing of what broke inside", async () => {
    const errors: Error[] = [];
    const text = () => Promise.reject(new Error("the secret inside"));
    const app = appOf({ metrics: { contentType: "", text }, onError: (error) => errors.push(error) });
    const response = await app.request("/metrics");
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secret/);
    assert.equal(errors.length, 1);
  });
});

describe("readiness", () => {
  const codes = (state: Partial<HealthState>) => {
    const { reasons, warnings } = judgeHealth({ ...WELL, ...state });
    return [reasons.map(({ code }) => code), warnings.map(({ code }) => code)];
  };

  it("waits for what this replica lacks, and only warns of what all share", () => {
    const cases: readonly (readonly [Partial<HealthState>, readonly string[], readonly string[]])[] = [
      [{}, [], []],
      [{ stopping: true }, ["stopping"], []],
      [{ synced: false }, ["not-synced"], []],
      [{ compiled: false }, ["not-synced"], []],
      [{ compiled: false, failing: true }, ["compile-failing"], []],
      [{ compiled: true, failing: true }, [], ["compile-failing"]],
      [{ xdsListening: false }, ["xds-not-listening"], []],
      [{ webhooksListening: false }, ["webhooks-not-listening"], []],
      [{ certificateTrouble: [{ message: "soon", fatal: false }] }, [], ["certificate-trouble"]],
      [{ sources: [{ kind: "Pod", state: "away", since: 0, objects: 1 }] }, [], ["source-stale"]],
      [{ sources: [{ kind: "Egress", state: "absent", since: 0, objects: 0 }] }, [], []],
    ];
    for (const [state, reasons, warnings] of cases) {
      assert.deepEqual(codes(state), [reasons, warnings], JSON.stringify(state));
    }
  });

  it("names stale kinds, sorted, without the words of an error", () => {
    const away = (kind: string) => ({ kind, state: "away", since: 0, objects: 0, error: "https://10.0.0.1" }) as const;
    const { warnings } = judgeHealth({ ...WELL, sources: [away("Service"), away("Pod")] });
    assert.match(warnings[0]?.message ?? "", /Pod, Service$/);
  });

  it("needs no webhooks where none are served", () => {
    const { webhooksListening: _, ...local } = WELL;
    assert.deepEqual(judgeHealth(local).reasons, []);
  });
});

describe("observed answers", () => {
  it("name routes, not what clients write", async () => {
    const seen: Answered[] = [];
    const app = new Hono().use(observeAnswers((one) => seen.push(one))).get("/things/:id", (c) => c.text("x"));
    app.post("/broken", () => {
      throw new Error("oops");
    });
    app.onError((_, c) => c.text("no", 500));
    await app.request("/things/1");
    await app.request("/nobody/knows");
    await app.request("/broken", { method: "POST" });
    assert.deepEqual(
      seen.map(({ method, path, code }) => [method, path, code]),
      [
        ["get", "/things/:id", 200],
        ["get", "*", 404],
        ["post", "/broken", 500],
      ],
    );
    assert.ok(seen.every(({ duration }) => duration >= 0 && duration < 5000));
  });
});
