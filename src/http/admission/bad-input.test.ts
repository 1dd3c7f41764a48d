/** Whatever comes: an orderly 4xx, or a review with a reason. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Hono } from "hono";
import { meshConfig, SETTINGS, UUID } from "../../../test/support/injection-cases.ts";
import { Redacted } from "../../core/base/redacted.ts";
import { mutateRoutes } from "./mutate.ts";
import type { AdmissionObservation } from "./observation.ts";
import { validateRoutes } from "./validate.ts";

const seen: AdmissionObservation[] = [];
const observe = (one: AdmissionObservation) => seen.push(one);
const app = new Hono()
  .route(
    "/",
    mutateRoutes({
      settings: () => SETTINGS,
      meshConfig: () => meshConfig({}),
      readNamespace: (name) => ({
        name,
        labels: { "openservicemesh.io/monitored-by": "osm" },
        annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
      }),
      newUuid: () => UUID,
      issueProxyCredential: async () => ({ chain: "", key: new Redacted(""), roots: "", issuerId: "" }),
      writeBootstrap: async () => {},
      observe,
    }),
  )
  .route("/", validateRoutes({ settings: () => ({ ...SETTINGS, validateTrafficTarget: true, roots: [] }), observe }));

const PATHS = ["/mutate-pod-creation", "/validate"] as const;
const PLAIN = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u",
    kind: { group: "", version: "v1", kind: "Pod" },
    namespace: "shop",
    operation: "CREATE",
    object: { metadata: { name: "web" }, spec: { containers: [{ name: "web", image: "x" }] } },
  },
};

interface Answered {
  readonly status: number;
  readonly allowed: boolean | undefined;
  /** Of an HTTP error, or of a refusal. */
  readonly reason: string;
  readonly text: string;
}

async function send(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const before = seen.length;
  const answer = await app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  const text = await answer.text();
  assert.equal(seen.length, before + 1, "every request is told of, once");
  const json = JSON.parse(text);
  const reason = json.error ?? json.response.status?.message ?? "";
  return { status: answer.status, allowed: json.response?.allowed, reason, text };
}

/** 4xx with a reason, or a review that allows, or one that refuses with a reason; never our own failure. */
function orderly({ status, allowed, reason, text }: Answered): void {
  if (status === 200) assert.ok(allowed === true || (allowed === false && reason !== ""), text);
  else assert.ok(status >= 400 && status < 500 && reason !== "", text);
  assert.notEqual(seen.at(-1)?.outcome, "failed", seen.at(-1)?.reason ?? "");
  assert.ok(text.length < 200_000);
}

function withObject(object: unknown, kind = PLAIN.request.kind): string {
  return JSON.stringify({ ...PLAIN, request: { ...PLAIN.request, kind, object } });
}

describe("both webhooks, given what no API server sends", () => {
  for (const path of PATHS) {
    for (const [what, body, status] of [
      ["nothing", "", 400],
      ["a word", "hello", 400],
      ["null", "null", 400],
      ["a list", "[]", 400],
      ["an object without anything", "{}", 400],
      ["a review without request", JSON.stringify({ ...PLAIN, request: undefined }), 400],
      ["a review of an unknown version", JSON.stringify({ ...PLAIN, apiVersion: "admission.k8s.io/v2" }), 400],
      ["a review of another kind", JSON.stringify({ ...PLAIN, kind: "Review" }), 400],
      ["a review without uid", JSON.stringify({ ...PLAIN, request: { ...PLAIN.request, uid: "" } }), 400],
      ["a uid of a megabyte", JSON.stringify({ ...PLAIN, request: { ...PLAIN.request, uid: "x".repeat(1e6) } }), 400],
      ["a review whose kind is a word", JSON.stringify({ ...PLAIN, request: { ...PLAIN.request, kind: "Pod" } }), 400],
    ] as const) {
      it(`${path}: ${what} is answered ${status}`, async () => {
        const answered = await send(path, body);
        assert.equal(answered.status, status, answered.text);
        assert.equal(seen.at(-1)?.outcome, "malformed");
        orderly(answered);
      });
    }

    it(`${path}: another content type is answered 415`, async () => {
      assert.equal((await send(path, JSON.stringify(PLAIN), { "content-type": "text/plain" })).status, 415);
    });

    it(`${path}: another method is not answered at all`, async () => {
      assert.equal((await app.request(path)).status, 404);
    });

    it(`${path}: a review cut anywhere is an orderly 400`, async () => {
      const whole = JSON.stringify(PLAIN);
      for (let i = 1; i < whole.length; i += 7) assert.equal((await send(path, whole.slice(0, i))).status, 400);
    });

    it(`${path}: a review with any byte changed is answered in order`, async () => {
      const whole = new Uint8Array(new TextEncoder().encode(JSON.stringify(PLAIN)));
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
          const bytes = new Uint8Array(whole);
          bytes[at] = byte;
          orderly(await send(path, bytes));
        }),
        { numRuns: 300 },
      );
    });

    it(`${path}: any values in any place are answered in order`, async () => {
      const anything = fc.jsonValue({ maxDepth: 3 });
      const request = fc.record(
        {
          uid: fc.oneof(fc.string(), anything),
          kind: fc.oneof(fc.constant(PLAIN.request.kind), anything),
          namespace: fc.oneof(fc.constant("shop"), anything),
          operation: fc.oneof(fc.constant("CREATE"), anything),
          dryRun: fc.oneof(fc.boolean(), anything),
          object: fc.oneof(fc.constant(PLAIN.request.object), anything),
          userInfo: anything,
        },
        { requiredKeys: ["uid", "kind", "operation"] },
      );
      await fc.assert(
        fc.asyncProperty(request, async (one) => orderly(await send(path, JSON.stringify({ ...PLAIN, request: one })))),
        { numRuns: 300 },
      );
    });

    for (const [what, object] of [
      [
        "hundreds of thousands of labels",
        { metadata: { name: "web", labels: many(150_000, (i) => [`l${i}`, ""]) }, spec: PLAIN.request.object.spec },
      ],
      [
        "hundreds of thousands of annotations",
        {
          metadata: { name: "web", annotations: many(150_000, (i) => [`l${i}`, ""]) },
          spec: PLAIN.request.object.spec,
        },
      ],
      [
        "tens of thousands of containers",
        {
          metadata: { name: "web" },
          spec: {
            containers: Array.from({ length: 20_000 }, (_, i) => ({
              name: `c${i}`,
              image: "x",
              livenessProbe: { tcpSocket: { port: i + 1 } },
            })),
          },
        },
      ],
      [
        "tens of thousands of containers of one name",
        { metadata: { name: "web" }, spec: { containers: Array.from({ length: 50_000 }, () => ({ name: "envoy" })) } },
      ],
      [
        "an annotation of megabytes",
        {
          metadata: {
            name: "web",
            annotations: { "openservicemesh.io/outbound-port-exclusion-list": "80,".repeat(500_000) },
          },
          spec: PLAIN.request.object.spec,
        },
      ],
      [
        "an annotation of megabytes that is wrong",
        {
          metadata: { name: "web", annotations: { "openservicemesh.io/sidecar-injection": "x".repeat(2_000_000) } },
          spec: PLAIN.request.object.spec,
        },
      ],
      [
        "a container's name of megabytes",
        {
          metadata: { name: "web" },
          spec: { containers: [{ name: "x".repeat(2_000_000), livenessProbe: { httpGet: { port: "nowhere" } } }] },
        },
      ],
      ["a number where text belongs", { metadata: { name: 7 }, spec: 7 }],
    ] as const) {
      it(`${path}: ${what} are answered in order, and soon`, async () => {
        const start = performance.now();
        orderly(await send(path, withObject(object)));
        assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`);
      });
    }
  }

  for (const [group, version, kind] of [
    ["access.smi-spec.io", "v1alpha3", "TrafficTarget"],
    ["specs.smi-spec.io", "v1alpha4", "HTTPRouteGroup"],
    ["specs.smi-spec.io", "v1alpha4", "TCPRoute"],
    ["split.smi-spec.io", "v1alpha2", "TrafficSplit"],
    ["config.openservicemesh.io", "v1alpha2", "MeshConfig"],
    ["config.openservicemesh.io", "v1alpha2", "MeshRootCertificate"],
    ["config.openservicemesh.io", "v1alpha2", "ExtensionService"],
    ["policy.openservicemesh.io", "v1alpha1", "Egress"],
    ["policy.openservicemesh.io", "v1alpha1", "IngressBackend"],
    ["policy.openservicemesh.io", "v1alpha1", "Retry"],
    ["policy.openservicemesh.io", "v1alpha1", "Telemetry"],
    ["policy.openservicemesh.io", "v1alpha1", "UpstreamTrafficSetting"],
  ] as const) {
    it(`/validate: anything that calls itself ${kind} is answered in order`, async () => {
      const anything = fc.jsonValue({ maxDepth: 4 });
      const object = fc.oneof(
        anything,
        fc.record({ metadata: fc.constant({ name: "x" }), spec: anything }),
        fc.record({
          metadata: anything,
          spec: fc.record({
            destination: anything,
            sources: anything,
            rules: anything,
            matches: anything,
            backends: anything,
            hosts: anything,
            ports: anything,
            rateLimit: anything,
            accessLog: anything,
            provider: anything,
          }),
        }),
      );
      await fc.assert(
        fc.asyncProperty(object, async (one) => {
          const answered = await send("/validate", withObject(one, { group, version, kind }));
          orderly(answered);
          assert.equal(answered.status, 200);
        }),
        { numRuns: 150 },
      );
    });
  }

  // Half a million findings, compared with each other, once held up a control plane until its kubelet ended it.
  it("/validate: a list of half a million wrong entries costs seconds and a short reason", async () => {
    const containers = Array.from({ length: 500_000 }, () => null);
    const start = performance.now();
    const answered = await send("/validate", withObject({ metadata: { name: "web" }, spec: { containers } }));
    orderly(answered);
    assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
    assert.ok((seen.at(-1)?.reason.length ?? 0) < 100_000, "the log would be told of every entry");
  });

  it("keep no memory of what they were sent", async () => {
    const large = withObject({
      metadata: { name: "web", labels: many(60_000, (i) => [`label-${i}`, "x"]) },
      spec: {},
    });
    const measure = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) for (const path of PATHS) await send(path, large);
      seen.length = 0;
      Reflect.get(globalThis, "Bun")?.gc?.(true);
      return process.memoryUsage().rss;
    };
    const warm = await measure(3);
    const after = await measure(6);
    assert.ok(after - warm < 150e6, `${(after - warm) / 1e6} MB more`);
  });
});

function many(count: number, entry: (i: number) => [string, string]): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => entry(i)));
}
