/** External authorisation on real Envoys, with an authoriser that speaks `ext_authz` over gRPC. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Shown } from "../support/authorizer.ts";
import { TestMesh } from "../support/mesh.ts";
import { statistics } from "../support/statistics.ts";
import { meshConfigWith } from "../support/traffic-policies.ts";
import { app, client, type Manifest, namespace, service } from "../support/workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const AUTHORIZER = [join(ROOT, "node_modules/.bin/bun"), join(ROOT, "test/support/authorizer.ts"), "9191"];

const BUYER = "shop/buyer";
const WEB = "http://web.shop:8080";
const API = "http://api.shop:8080";
const CONTROL = "http://opa.opa:9192";
const SOON = 5000;

const OPA = {
  enable: true,
  address: "opa.opa.svc.cluster.local",
  port: 9191,
  statPrefix: "opa",
  timeout: "400ms",
  failureModeAllow: false,
};

function authorization(inboundExternalAuthorization: object): Manifest {
  return meshConfigWith({ permissive: true, traffic: { inboundExternalAuthorization } });
}

const WEB_SERVICE = service({ namespace: "shop", name: "web" }, [{ port: 8080, appProtocol: "http" }]);

function annotated(annotation: "enabled" | "disabled"): Manifest {
  const annotations = { "openservicemesh.io/inbound-external-authorization": annotation };
  return { ...WEB_SERVICE, metadata: { namespace: "shop", name: "web", annotations } };
}

const echo = (name: string) =>
  app({ namespace: "shop", name, run: { app: ["http-echo", "--port", "8080"] }, port: 8080 });
const OPA_APP = app({ namespace: "opa", name: "opa", run: { command: AUTHORIZER }, port: 9191 });

const MANIFESTS = [
  namespace("shop"),
  namespace("opa", "outside"),
  authorization(OPA),
  ...echo("web"),
  ...echo("api"),
  WEB_SERVICE,
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
  ...client({ namespace: "shop", name: "buyer" }),
  ...client({ namespace: "opa", name: "operator" }),
  ...OPA_APP,
  service({ namespace: "opa", name: "opa" }, [
    { name: "grpc", port: 9191 },
    { name: "control", port: 9192 },
  ]),
];

describe("external authorisation", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  async function mood(text: "deny" | "allow" | "silent"): Promise<void> {
    assert.equal((await mesh.get("opa/operator", `${CONTROL}/${text}`, { method: "POST" })).status, 200);
  }

  async function becomes(url: string, status: number): Promise<void> {
    await mesh.eventually(`${url} answers ${status}`, SOON, async () => {
      assert.equal((await mesh.get(BUYER, url)).status, status);
    });
  }

  it("A1: denies what the authoriser denies, in its words", async () => {
    await becomes(`${WEB}/denied`, 403);
    const { headers, body } = await mesh.get(BUYER, `${WEB}/denied`);
    assert.equal(headers["server"], "envoy");
    assert.equal(headers["identity"], undefined, "the application answered");
    assert.equal(body, "the authoriser says no");
    const counted = await statistics(mesh, "shop/web", "ext_authz.opa.denied$");
    assert.ok(
      [...counted.values()].some((count) => count >= 2),
      JSON.stringify([...counted]),
    );
  });

  it("A2: passes what it allows, and shows it the caller, the request and 8 KiB of the body", async () => {
    await mood("allow");
    const { status, body } = await mesh.get(BUYER, `${WEB}/upload`, { method: "POST", upload: 20_000 });
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { bytes: 20_000 });
    const shown = JSON.parse((await mesh.get("opa/operator", `${CONTROL}/asked`)).body) as readonly Shown[];
    assert.deepEqual(shown.at(-1), {
      method: "POST",
      host: "web.shop:8080",
      path: "/upload",
      principal: "spiffe://cluster.local/buyer/shop",
      bodyBytes: 8192,
    });
  });

  it("A3: denies within its time when the authoriser says nothing", async () => {
    await mood("silent");
    const { status, ms } = await mesh.get(BUYER, `${WEB}/silent`);
    assert.equal(status, 403);
    assert.ok(ms >= 350 && ms < 2000, `it took ${ms} ms`);
    await mood("deny");
  });

  it("takes a Service out of it by annotation, and it alone, while that lasts", async () => {
    await mesh.apply(annotated("disabled"));
    await becomes(`${WEB}/open`, 200);
    await becomes(`${API}/denied`, 403);
    await mesh.apply(annotated("enabled"));
    await becomes(`${WEB}/closed`, 403);
  });

  it("is for one Service alone by annotation, where it is off for the mesh", async () => {
    await mesh.apply(authorization({ ...OPA, enable: false }));
    await becomes(`${API}/open`, 200);
    await becomes(`${WEB}/closed`, 403);
    await mesh.apply(WEB_SERVICE);
    await becomes(`${WEB}/open`, 200);
  });

  it("A3: denies without an authoriser that can be reached, or passes where failureModeAllow says so", async () => {
    await mesh.apply(authorization({ ...OPA, address: "nobody.opa.svc.cluster.local" }));
    await becomes(`${WEB}/closed`, 403);
    assert.equal((await mesh.get(BUYER, `${WEB}/closed`)).body, "");
    await mesh.apply(authorization({ ...OPA, address: "nobody.opa.svc.cluster.local", failureModeAllow: true }));
    await becomes(`${WEB}/passes`, 200);
  });

  it("denies where an authoriser is asked for and none is named", async () => {
    await mesh.apply(authorization({ ...OPA, address: "" }));
    await becomes(`${WEB}/closed`, 403);
    await mesh.apply(authorization({ ...OPA, address: "", failureModeAllow: true }));
    await becomes(`${WEB}/passes`, 200);
  });

  it("fails no request under load while it comes and goes", async () => {
    await mood("allow");
    await mesh.apply(authorization({ ...OPA, enable: false }));
    const load = mesh.load(BUYER, { url: `${WEB}/load`, perSecond: 30, seconds: 6 });
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1200));
      await mesh.apply(authorization({ ...OPA, enable: i % 2 === 0 }));
    }
    const { requests, outcomes, failures } = await load;
    assert.deepEqual(outcomes, { 200: requests }, JSON.stringify(failures));
  });
});
