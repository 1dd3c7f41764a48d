/** What no file of cases can hold: many, much, and anything at all. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { meshConfig, patched, SETTINGS, UUID } from "../../../test/support/injection-cases.ts";
import { injectSidecar } from "./patch.ts";
import { readRecordedProbes, recordProbes } from "./probe-record.ts";

/** A record of fast-check without one required key. */
const SOME = { requiredKeys: [] };
const ANYTHING = fc.anything({ maxDepth: 2 });

const NAMESPACE = {
  name: "shop",
  labels: { "openservicemesh.io/monitored-by": "osm" },
  annotations: { "openservicemesh.io/sidecar-injection": "enabled" },
};

function injected(pod: unknown) {
  return injectSidecar({ pod, namespace: NAMESPACE, mesh: meshConfig({}), settings: SETTINGS, uuid: UUID });
}

function podOf(containers: unknown, more: object = {}): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: { containers, ...more } };
}

describe("injectSidecar at its limits", () => {
  it("refuses more gRPC ports than it has", () => {
    const containers = Array.from({ length: 96 }, (_, i) => ({
      name: `c${i}`,
      image: "x",
      livenessProbe: { grpc: { port: 1000 + i } },
    }));
    assert.equal(injected(podOf(containers.slice(0, 95))).kind, "inject");
    const refused = injected(podOf(containers));
    assert.match(refused.kind === "refuse" ? refused.reason : "", /96 different ports/);
  });

  it("refuses more probes than a Secret can hold", () => {
    const containers = Array.from({ length: 301 }, (_, i) => ({
      name: `c${i}`,
      image: "x",
      livenessProbe: { tcpSocket: { port: 1000 } },
    }));
    const refused = injected(podOf(containers));
    assert.match(refused.kind === "refuse" ? refused.reason : "", /301 probes/);
  });

  it("looks at no label, so a hundred thousand cost nothing", () => {
    const labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, ""]));
    const pod = { metadata: { name: "web", labels }, spec: { containers: [{ name: "web", image: "x" }] } };
    const start = performance.now();
    assert.equal(injected(pod).kind, "inject");
    assert.ok(performance.now() - start < 200);
  });

  it("takes a probe that it does not understand as it is: the API server decides", () => {
    const pod = podOf([{ name: "web", image: "x", livenessProbe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } } }]);
    const outcome = injected(pod);
    assert.ok(outcome.kind === "inject" && !JSON.stringify(outcome.patch).includes("livenessProbe"));
  });

  it("never throws, says why it refuses, and patches what it accepts so that the patch applies", () => {
    const probe = fc.record(
      {
        httpGet: fc.record({ port: port(), path: fc.string(), scheme: fc.constantFrom("HTTP", "HTTPS", "x") }, SOME),
        tcpSocket: fc.record({ port: port(), host: fc.constantFrom("", "h") }, SOME),
        grpc: fc.record({ port: port(), service: fc.string() }, SOME),
        exec: ANYTHING,
        periodSeconds: fc.oneof(fc.integer(), fc.double()),
        timeoutSeconds: fc.oneof(fc.integer(), fc.constant(2 ** 52)),
      },
      SOME,
    );
    const container = fc.record(
      {
        name: mostly(fc.constantFrom("a", "b", "c"), fc.constantFrom("envoy", "osm-init")),
        ports: fc.array(fc.record({ name: fc.constantFrom("http", ""), containerPort: port() }, SOME)),
        livenessProbe: probe,
        readinessProbe: probe,
        startupProbe: probe,
        restartPolicy: fc.constantFrom("Always", "Never"),
        volumeMounts: fc.array(fc.record({ name: fc.constantFrom("envoy-bootstrap-config-volume", "v") })),
        lifecycle: mostly(fc.constant({ preStop: { httpGet: { port: 80 } } }), ANYTHING),
      },
      { requiredKeys: ["name"] },
    );
    const pod = fc.record(
      {
        metadata: fc.record(
          {
            labels: mostly(fc.dictionary(fc.string(), fc.string()), ANYTHING),
            annotations: fc.dictionary(
              fc.constantFrom(
                "openservicemesh.io/outbound-port-exclusion-list",
                "openservicemesh.io/outbound-ip-range-exclusion-list",
                "openservicemesh.io/sidecar-probes",
                "openservicemesh.io/native-sidecar",
              ),
              mostly(fc.constantFrom("", ""), fc.constantFrom("80,81", "10.0.0.0/8", "no", "{}", "\u0000")),
            ),
          },
          SOME,
        ),
        spec: fc.record(
          {
            containers: mostly(fc.array(container, { minLength: 1, maxLength: 3 }), ANYTHING),
            initContainers: fc.array(container, { maxLength: 2 }),
            volumes: fc.array(
              fc.record(
                {
                  name: mostly(fc.constant("v"), fc.constant("envoy-bootstrap-config-volume")),
                  secret: fc.record({ secretName: fc.string() }, SOME),
                },
                { requiredKeys: ["name"] },
              ),
            ),
            hostNetwork: fc.boolean(),
            nodeSelector: fc.dictionary(fc.constant("kubernetes.io/os"), fc.constantFrom("windows", "linux")),
          },
          { requiredKeys: ["containers"] },
        ),
      },
      { requiredKeys: ["metadata", "spec"] },
    );
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(mostly(pod, ANYTHING), (raw) => {
        const json = JSON.parse(JSON.stringify(raw ?? null));
        const outcome = injected(json);
        reached.set(outcome.kind, (reached.get(outcome.kind) ?? 0) + 1);
        if (outcome.kind !== "inject") return assert.ok(outcome.reason.length > 0 && outcome.reason.length < 4000);
        patched(json, outcome.patch);
        const { probes } = outcome.start;
        assert.deepEqual(readRecordedProbes(recordProbes(probes)), probes, "what is kept is what is answered");
      }),
      { numRuns: 400 },
    );
    for (const kind of ["inject", "skip", "refuse"])
      assert.ok((reached.get(kind) ?? 0) > 3, `${kind}: ${reached.get(kind)}`);
  });
});

function port() {
  return mostly(fc.constantFrom<unknown>(80, 8080, 9090, "http", "8080", "https", ""), fc.integer({ max: 70_000 }));
}

function mostly<A, B>(usual: fc.Arbitrary<A>, odd: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
  return fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });
}
