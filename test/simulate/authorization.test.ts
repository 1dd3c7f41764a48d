/** Which requests are shown to the external authoriser: the MeshConfig's word, and that of single Services. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyOf } from "../../src/core/base/ref.ts";
import { compileObjects } from "./compiled.ts";
import { namespace, PERMISSIVE, pod, type RawObject, service, split } from "./objects.ts";

const ANNOTATION = "openservicemesh.io/inbound-external-authorization";
const OPA = { enable: true, address: "opa.opa.svc.cluster.local", port: 9191 };

function authorization(inboundExternalAuthorization: object): RawObject {
  const { traffic } = PERMISSIVE["spec"] as { readonly traffic: object };
  return { ...PERMISSIVE, spec: { traffic: { ...traffic, inboundExternalAuthorization } } };
}

function annotated(object: RawObject, value: string): RawObject {
  return { ...object, metadata: { ...(object["metadata"] as object), annotations: { [ANNOTATION]: value } } };
}

const WEB = service("shop/web", 80);
const API = service("shop/api", 80);
const PODS = [namespace("shop"), pod("shop/web"), pod("shop/api")];

function compiled(...objects: readonly RawObject[]) {
  const { mesh, findings } = compileObjects([...PODS, ...objects]);
  const irs = new Map([...mesh.proxies.values()].map((one) => [keyOf(one.pod.meta), one.ir]));
  return { irs, findings: findings.map(({ code, about, path }) => `${code} ${keyOf(about)} ${path}`) };
}

/** By chain, who is asked: the cluster, `nobody can be`, or `-`. */
function asked({ irs }: ReturnType<typeof compiled>, of: string): Readonly<Record<string, string>> {
  const chains = irs.get(of)?.inbound?.chains ?? [];
  return Object.fromEntries(
    chains.map(({ name, target }) => {
      const one = target.kind === "http" ? target.authorization : undefined;
      return [name, one === undefined ? "-" : (one.cluster ?? "nobody can be")];
    }),
  );
}

function upstreams({ irs }: ReturnType<typeof compiled>, of: string): readonly string[] {
  return (irs.get(of)?.upstreams ?? []).flatMap((one) => (one.kind === "host" ? [`${one.host}:${one.port}`] : []));
}

describe("external authorisation", () => {
  it("is asked about every HTTP service once it is on, with the MeshConfig's settings", () => {
    const config = authorization({ ...OPA, timeout: "250ms", statPrefix: "opa", failureModeAllow: true });
    const mesh = compiled(
      config,
      WEB,
      API,
      service("shop/raw", [{ port: 9, appProtocol: "tcp" }], { selector: { app: "web" } }),
    );
    assert.deepEqual(asked(mesh, "shop/web"), {
      "inbound_shop/raw_9_tcp": "-",
      "inbound_shop/web_80_http": "inbound-external-authorization",
    });
    const [first] = mesh.irs.get("shop/api")?.inbound?.chains ?? [];
    assert.deepEqual(first?.target.kind === "http" && first.target.authorization, {
      cluster: "inbound-external-authorization",
      statPrefix: "opa",
      timeout: 250,
      failureModeAllow: true,
    });
    assert.deepEqual(upstreams(mesh, "shop/web"), ["opa.opa.svc.cluster.local:9191"]);
    assert.deepEqual(mesh.findings, []);
  });

  it("is off for a Service that says so, which is told", () => {
    const mesh = compiled(authorization(OPA), annotated(WEB, "disabled"), API);
    assert.deepEqual(asked(mesh, "shop/web"), { "inbound_shop/web_80_http": "-" });
    assert.deepEqual(asked(mesh, "shop/api"), { "inbound_shop/api_80_http": "inbound-external-authorization" });
    // A connection that is older than the change still asks it.
    assert.deepEqual(upstreams(mesh, "shop/web"), ["opa.opa.svc.cluster.local:9191"]);
    assert.deepEqual(mesh.findings, [`authorization-overridden shop/web metadata.annotations[${ANNOTATION}]`]);
  });

  it("is on for a Service that says so, though it is off for the mesh", () => {
    const mesh = compiled(authorization({ ...OPA, enable: false }), annotated(WEB, "enabled"), API);
    assert.deepEqual(asked(mesh, "shop/web"), { "inbound_shop/web_80_http": "inbound-external-authorization" });
    assert.deepEqual(asked(mesh, "shop/api"), { "inbound_shop/api_80_http": "-" });
    assert.deepEqual(mesh.findings, []);
  });

  it("goes on where the annotation has another value, which is told", () => {
    const mesh = compiled(authorization(OPA), annotated(WEB, "Disabled"));
    assert.deepEqual(asked(mesh, "shop/web"), { "inbound_shop/web_80_http": "inbound-external-authorization" });
    assert.deepEqual(mesh.findings, [`field-invalid shop/web metadata.annotations[${ANNOTATION}]`]);
  });

  it("has no way around it by another Service of the same port", () => {
    const open = annotated(service("shop/open", 80, { selector: { app: "web" } }), "disabled");
    const mesh = compiled(authorization(OPA), WEB, open);
    assert.deepEqual(new Set(Object.values(asked(mesh, "shop/web"))), new Set(["inbound-external-authorization"]));
  });

  it("is asked for the root of a split whose backend says no", () => {
    const mesh = compiled(authorization(OPA), annotated(API, "disabled"), WEB, split("shop/s", "web", { api: 1 }));
    assert.deepEqual(asked(mesh, "shop/api"), { "inbound_shop/api_80_http": "inbound-external-authorization" });
  });

  for (const missing of [{ address: "" }, { port: 0 }, { address: "http://opa" }]) {
    it(`refuses by failureModeAllow where nobody can be asked: ${JSON.stringify(missing)}`, () => {
      const mesh = compiled(authorization({ ...OPA, ...missing }), WEB);
      assert.deepEqual(asked(mesh, "shop/web"), { "inbound_shop/web_80_http": "nobody can be" });
      assert.ok(
        mesh.findings.includes(
          "authorization-unreachable osm-system/osm-mesh-config spec.traffic.inboundExternalAuthorization",
        ),
        mesh.findings.join(),
      );
    });
  }
});
