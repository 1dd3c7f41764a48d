/** One bad object never stops another namespace's traffic: each is put into a running mesh under load, and named. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LoadResult } from "../../src/demo/tasks/http-task.ts";
import { BAD_OBJECTS } from "../support/bad-objects.ts";
import { TestMesh } from "../support/mesh.ts";
import { meshConfigWith } from "../support/traffic-policies.ts";
import { app, client, httpRoutes, namespace, service, trafficTarget } from "../support/workloads.ts";

const CALLER = { namespace: "quiet", name: "caller" };
const WEB = ["http-echo", "--port", "8080"];

const MANIFESTS = [
  namespace("quiet"),
  namespace("noisy"),
  meshConfigWith({ permissive: false, featureFlags: { enableRetryPolicy: true } }),
  ...app({ namespace: "quiet", name: "api", run: { app: WEB }, port: 8080 }),
  service({ namespace: "quiet", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
  ...client(CALLER),
  httpRoutes({ namespace: "quiet", name: "all" }, [{ name: "all", pathRegex: ".*", methods: ["*"] }]),
  trafficTarget({
    namespace: "quiet",
    name: "caller",
    to: "api",
    from: [CALLER],
    rules: [{ kind: "HTTPRouteGroup", name: "all", matches: ["all"] }],
  }),
  ...app({ namespace: "noisy", name: "web", run: { app: WEB }, port: 8080 }),
  service({ namespace: "noisy", name: "web" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({ namespace: "noisy", name: "db", run: { app: ["tcp-echo", "--port", "9000"] }, port: 9000 }),
  service({ namespace: "noisy", name: "db" }, [{ port: 9000, appProtocol: "tcp" }]),
  ...client({ namespace: "noisy", name: "client" }),
];

const SOON = 5000;
/** Seconds of one stretch of load; the next follows at once, until all cases are through. */
const STRETCH = 5;

describe("a bad object", () => {
  let mesh: TestMesh;
  let underLoad: Promise<readonly LoadResult[]>;
  let over = false;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
    underLoad = stretches();
    // Looked at by the last test alone.
    underLoad.catch(() => {});
  });
  after(async () => {
    await mesh?.stop();
  });

  for (const { what, objects, says } of BAD_OBJECTS) {
    it(`is named: ${what}`, async () => {
      const file = join(mesh.directory, "bad.json");
      await mesh.eventually("nothing is left of the last one", SOON, async () => {
        assert.ok(!(await findings()).some((text) => says.test(text)));
      });
      writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
      try {
        await mesh.eventually("a finding", SOON, async () => {
          const texts = await findings();
          assert.ok(
            texts.some((text) => says.test(text)),
            `findings are ${JSON.stringify(texts)}`,
          );
        });
      } finally {
        rmSync(file);
      }
    });
  }

  it("costs no request of another namespace", async () => {
    over = true;
    const results = await underLoad;
    assert.ok(results.length > 2, `${results.length} stretches of load`);
    for (const { requests, outcomes, failures } of results)
      assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
  });

  it("is never told to a proxy that would refuse it", () =>
    assert.doesNotMatch(mesh.log(), /refused its configuration/));

  async function stretches(): Promise<readonly LoadResult[]> {
    const results: LoadResult[] = [];
    while (!over)
      results.push(await mesh.load("quiet/caller", { url: "http://api.quiet:8080/", perSecond: 20, seconds: STRETCH }));
    return results;
  }

  async function findings(): Promise<readonly string[]> {
    const { stdout } = await mesh.osm("status", "--json");
    return (JSON.parse(stdout).findings as readonly { readonly text: string }[]).map(({ text }) => text);
  }
});
