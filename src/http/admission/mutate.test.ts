import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { injectionCases, meshConfig, patched, SETTINGS, UUID } from "../../../test/support/injection-cases.ts";
import { Redacted } from "../../core/base/redacted.ts";
import type { BootstrapSecret } from "../../core/inject/bootstrap-secret.ts";
import type { InjectionOutcome, InjectionRequest } from "../../core/inject/outcome.ts";
import { injectSidecar } from "../../core/inject/patch.ts";
import { type InjectionDeps, mutateRoutes } from "./mutate.ts";
import type { AdmissionObservation } from "./observation.ts";

const NAMESPACE: InjectionRequest["namespace"] = {
  name: "shop",
  labels: { "openservicemesh.io/monitored-by": "osm" },
  annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
};
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  // As a controller makes it: the API server gives it a name later, and its namespace stands in the request alone.
  metadata: { generateName: "web-" },
  spec: { serviceAccountName: "web", containers: [{ name: "web", image: "web:1" }] },
};

function world(over: Partial<InjectionDeps> = {}) {
  const secrets: BootstrapSecret[] = [];
  const seen: AdmissionObservation[] = [];
  const issued: string[] = [];
  const app = mutateRoutes({
    settings: () => SETTINGS,
    meshConfig: () => meshConfig({}),
    readNamespace: (name) => (name === "shop" ? NAMESPACE : undefined),
    newUuid: () => UUID,
    issueProxyCredential: async ({ uuid, serviceAccount: { namespace, name } }) => {
      issued.push(`${uuid} ${namespace}/${name}`);
      return { chain: "CHAIN", key: new Redacted("KEY"), roots: "ROOTS", issuerId: "issuer" };
    },
    writeBootstrap: async (secret) => {
      secrets.push(secret);
    },
    observe: (one) => seen.push(one),
    ...over,
  });
  return { app, secrets, seen, issued };
}

function reviewOf(object: unknown, more: object = {}): object {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "the-uid",
      kind: { group: "", version: "v1", kind: "Pod" },
      namespace: "shop",
      operation: "CREATE",
      object,
      ...more,
    },
  };
}

async function ask({ app }: ReturnType<typeof world>, body: unknown, query = "?timeout=10s") {
  const answer = await app.request(`/mutate-pod-creation${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const json = await answer.json();
  const { patch } = json.response ?? {};
  return {
    status: answer.status,
    json,
    response: json.response,
    patch:
      patch === undefined
        ? undefined
        : JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(patch), (c) => c.charCodeAt(0)))),
  };
}

function shouldTell(pod: unknown, outcome: InjectionOutcome): object {
  switch (outcome.kind) {
    case "refuse":
      return { allowed: false, pod, warnings: [] };
    case "skip":
      return { allowed: true, pod, warnings: outcome.warnings };
    case "inject":
      return { allowed: true, pod: patched(pod, outcome.patch), warnings: outcome.warnings };
  }
}

describe("the injecting webhook", () => {
  for (const { name, request } of injectionCases()) {
    it(`${name}: says what the pure function says`, async () => {
      const expected = injectSidecar(request);
      const here = world({
        settings: () => request.settings,
        meshConfig: () => request.mesh,
        readNamespace: () => request.namespace,
      });
      const { response, patch = [] } = await ask(here, reviewOf(request.pod));
      const told = { allowed: response.allowed, pod: patched(request.pod, patch), warnings: response.warnings ?? [] };
      assert.deepEqual(told, shouldTell(request.pod, expected));
      assert.equal(response.status?.message, expected.kind === "refuse" ? expected.reason : undefined);
      assert.equal(here.secrets.length, expected.kind === "inject" ? 1 : 0);
    });
  }

  it("stores what the proxy starts from before it answers, for the pod's own account and namespace", async () => {
    const order: string[] = [];
    const here = world({
      writeBootstrap: async (secret) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`stored ${secret.namespace}/${secret.name}`);
      },
    });
    await ask(here, reviewOf(POD));
    order.push("answered");
    assert.deepEqual(order, [`stored shop/envoy-bootstrap-config-${UUID}`, "answered"]);
    assert.deepEqual(here.issued, [`${UUID} shop/web`]);
    assert.deepEqual(
      here.seen.map(({ webhook, kind, outcome, namespace }) => [webhook, kind, outcome, namespace]),
      [["mutate", "Pod", "injected", "shop"]],
    );
  });

  it("takes the namespace from the request, whatever the pod says", async () => {
    const here = world();
    await ask(here, reviewOf({ ...POD, metadata: { name: "web", namespace: "elsewhere" } }));
    assert.equal(here.secrets[0]?.namespace, "shop");
  });

  it("on a dry run patches, and neither issues nor stores", async () => {
    const here = world();
    const { patch } = await ask(here, reviewOf(POD, { dryRun: true }));
    assert.ok(patch.length > 0);
    assert.deepEqual([here.secrets.length, here.issued.length], [0, 0]);
  });

  it("answers in the version that it was asked in", async () => {
    const asked = { ...reviewOf(POD), apiVersion: "admission.k8s.io/v1beta1" };
    const { json } = await ask(world(), asked);
    assert.deepEqual([json.apiVersion, json.kind], ["admission.k8s.io/v1beta1", "AdmissionReview"]);
  });

  it("lets everything but a pod's creation pass as it is", async () => {
    for (const more of [{ operation: "UPDATE" }, { operation: "CREATE", subResource: "ephemeralcontainers" }]) {
      const { response } = await ask(world(), reviewOf(POD, more));
      assert.deepEqual([response.allowed, response.patch], [true, undefined]);
    }
  });

  it("says in the audit log why a pod has no sidecar", async () => {
    const pod = { ...POD, metadata: { annotations: { "openservicemesh.io/sidecar-injection": "no" } } };
    const { response } = await ask(world(), reviewOf(pod));
    assert.match(response.auditAnnotations.sidecar, /^not injected: the pod's annotation/);
  });

  describe("refuses with a reason", () => {
    for (const [what, over, more, code, reason] of [
      ["a namespace that it does not know", {}, { namespace: "new" }, 403, /namespace "new" is not known/],
      ["another kind", {}, { kind: { group: "apps", version: "v1", kind: "Deployment" } }, 403, /Deployment/],
      ["a pod of another group", {}, { kind: { group: "x.io", version: "v1", kind: "Pod" } }, 403, /pods only/],
      ["nothing", {}, { object: null }, 403, /cannot be read/],
      [
        "an authority that is away",
        { issueProxyCredential: () => Promise.reject(new Error("vault is sealed")) },
        {},
        500,
        /vault is sealed/,
      ],
      [
        "a Secret that is not stored",
        { writeBootstrap: () => Promise.reject(new Error("secrets is forbidden")) },
        {},
        500,
        /secrets is forbidden/,
      ],
      [
        "a namespace that cannot be asked for",
        {
          readNamespace: () => {
            throw "not an error";
          },
        },
        {},
        500,
        /not an error/,
      ],
    ] as const) {
      it(what, async () => {
        const here = world(over);
        const { status, response } = await ask(here, reviewOf(POD, more));
        assert.equal(status, 200);
        assert.deepEqual([response.allowed, response.status.code, response.uid], [false, code, "the-uid"]);
        assert.match(response.status.message, reason);
        assert.equal(here.seen[0]?.outcome, code === 403 ? "refused" : "failed");
        assert.ok(!JSON.stringify(response).includes("KEY"));
      });
    }

    it("what takes longer than the API server waits, before that gives up", async () => {
      let told: AbortSignal | undefined;
      const here = world({
        writeBootstrap: (_, signal) => {
          told = signal;
          return new Promise(() => {});
        },
      });
      const start = performance.now();
      const { response } = await ask(here, reviewOf(POD), "?timeout=1s");
      assert.ok(performance.now() - start < 950);
      assert.deepEqual([response.allowed, response.status.code, response.status.reason], [false, 504, "Timeout"]);
      assert.equal(told?.aborted, true);
    });

    it("a certificate that comes too late, without storing it", async () => {
      const late = Promise.withResolvers<void>();
      const here = world({
        issueProxyCredential: async () => {
          await late.promise;
          return { chain: "", key: new Redacted("KEY"), roots: "", issuerId: "" };
        },
      });
      const { response } = await ask(here, reviewOf(POD), "?timeout=600ms");
      assert.equal(response.allowed, false);
      late.resolve();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(here.secrets.length, 0);
    });
  });
});
