import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePodSpec } from "./pod-spec.ts";
import { DaemonSet, Deployment, Job, StatefulSet } from "./workload.ts";

const metadata = { name: "books", namespace: "shop" };
const template = { metadata: { labels: { app: "books" } }, spec: { containers: [{ name: "c", image: "i" }] } };

function container(fields: Readonly<Record<string, unknown>>, pod: Readonly<Record<string, unknown>> = {}) {
  const parsed = parsePodSpec({ metadata, spec: { ...pod, containers: [{ name: "c", ...fields }] } });
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  const [first] = parsed.value.containers;
  assert.ok(first !== undefined);
  return first;
}

function faults(
  fields: Readonly<Record<string, unknown>>,
  pod: Readonly<Record<string, unknown>> = {},
): readonly string[] {
  const parsed = parsePodSpec({ metadata, spec: { ...pod, containers: [{ name: "c", ...fields }] } });
  assert.equal(parsed.ok, false);
  return parsed.findings.map(({ path }) => path);
}

describe("workloads", () => {
  const counts: readonly (readonly [
    string,
    { readonly ok: boolean; readonly value?: { readonly replicas: number } },
    number,
  ])[] = [
    ["Deployment", Deployment.parse({ metadata, spec: { template } }), 1],
    ["Deployment of 3", Deployment.parse({ metadata, spec: { replicas: 3, template } }), 3],
    ["Deployment of 0", Deployment.parse({ metadata, spec: { replicas: 0, template } }), 0],
    ["DaemonSet", DaemonSet.parse({ metadata, spec: { replicas: 5, template } }), 1],
    ["Job", Job.parse({ metadata, spec: { completions: 2, template } }), 2],
  ];
  for (const [title, parsed, expected] of counts) {
    it(`${title} has ${expected} pods`, () => assert.equal(parsed.value?.replicas, expected));
  }

  it("StatefulSet names its Service, and others do not", () => {
    const spec = { serviceName: "books", template };
    const [stateful, other] = [StatefulSet.parse({ metadata, spec }), Deployment.parse({ metadata, spec })];
    assert.ok(stateful.ok && other.ok);
    assert.deepEqual([stateful.value.serviceName, other.value.serviceName], ["books", ""]);
    assert.deepEqual(stateful.value.template.labels, { app: "books" });
  });

  it("names what is wrong inside the template", () => {
    const parsed = Deployment.parse({
      metadata,
      spec: { replicas: -1, template: { spec: { containers: [{ image: 3 }] } } },
    });
    assert.deepEqual(
      parsed.findings.map(({ path }) => path),
      ["spec.replicas", "spec.template.spec.containers[0].image", "spec.template.spec.containers[0].name"],
    );
  });
});

describe("parsePodSpec", () => {
  it("has Kubernetes' defaults", () => {
    const parsed = parsePodSpec({ metadata, spec: { containers: [{ name: "c" }] } });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value, {
      serviceAccount: "default",
      hostNetwork: false,
      hostname: "",
      subdomain: "",
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      initContainers: [],
      containers: [
        { name: "c", image: "", command: [], args: [], workingDir: "", env: [], ports: [], volumeMounts: [] },
      ],
    });
  });

  it("runs a container as its own user, else as the pod's", () => {
    const securityContext = { runAsUser: 1000 };
    assert.equal(container({}, { securityContext }).runAsUser, 1000);
    assert.equal(container({ securityContext: { runAsUser: 0 } }, { securityContext }).runAsUser, 0);
  });

  it("reads the environment, and names what it cannot carry", () => {
    const env = [
      { name: "A", value: "$(B)" },
      { name: "B" },
      { name: "C", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      { name: "D", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
    ];
    assert.deepEqual(container({ env, envFrom: [{ configMapRef: { name: "m" } }] }).env, [
      { name: "", kind: "unsupported", source: "envFrom configMapRef" },
      { name: "A", kind: "value", value: "$(B)" },
      { name: "B", kind: "value", value: "" },
      { name: "C", kind: "field", fieldPath: "status.podIP" },
      { name: "D", kind: "unsupported", source: "secretKeyRef" },
    ]);
  });

  it("reads each sort of probe", () => {
    const times = {
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    };
    const read = container({
      readinessProbe: { httpGet: { port: "http", httpHeaders: [{ name: "a", value: "b" }] }, periodSeconds: 2 },
      livenessProbe: { tcpSocket: { port: 80 }, initialDelaySeconds: 5, failureThreshold: 0 },
      startupProbe: { exec: { command: ["true"] } },
    });
    const http = {
      kind: "http",
      scheme: "HTTP",
      path: "/",
      port: "http",
      host: "",
      headers: [{ name: "a", value: "b" }],
    };
    assert.deepEqual(read.readiness, { action: http, ...times, periodSeconds: 2 });
    assert.deepEqual(read.liveness, { action: { kind: "tcp", port: 80, host: "" }, ...times, initialDelaySeconds: 5 });
    assert.deepEqual(read.startup, { action: { kind: "exec", command: ["true"] }, ...times });
    const grpc = container({ readinessProbe: { grpc: { port: 9000 } } }).readiness?.action;
    assert.deepEqual(grpc, { kind: "grpc", port: 9000, service: "" });
  });

  it("keeps a native sidecar apart", () => {
    assert.equal(container({ restartPolicy: "Always" }).restartPolicy, "Always");
    assert.equal("restartPolicy" in container({}), false);
  });

  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>, readonly string[]])[] = [
    ["an environment value that is a number", { env: [{ name: "A", value: 5 }] }, ["spec.containers[0].env[0].value"]],
    ["a command that is a text", { command: "sleep 1" }, ["spec.containers[0].command"]],
    ["a probe that does nothing", { livenessProbe: {} }, ["spec.containers[0].livenessProbe"]],
    [
      "a probe of two sorts",
      { livenessProbe: { exec: {}, tcpSocket: { port: 1 } } },
      ["spec.containers[0].livenessProbe"],
    ],
    [
      "a probe of another scheme",
      { livenessProbe: { httpGet: { port: 1, scheme: "http" } } },
      ["spec.containers[0].livenessProbe.httpGet.scheme"],
    ],
    ["a probe without port", { livenessProbe: { httpGet: {} } }, ["spec.containers[0].livenessProbe.httpGet.port"]],
    ["a negative user", { securityContext: { runAsUser: -1 } }, ["spec.containers[0].securityContext.runAsUser"]],
    ["a container's restart policy", { restartPolicy: "Never" }, ["spec.containers[0].restartPolicy"]],
  ];
  for (const [title, fields, expected] of bad) {
    it(`refuses ${title}`, () => assert.deepEqual(faults(fields), expected));
  }

  it("refuses a pod without containers, with two of one name, and with an unknown restart policy", () => {
    const none = parsePodSpec({ metadata, spec: { containers: [] } });
    assert.deepEqual(
      none.findings.map(({ path }) => path),
      ["spec.containers"],
    );
    assert.deepEqual(faults({}, { initContainers: [{ name: "c" }] }), ["spec"]);
    assert.deepEqual(faults({}, { restartPolicy: "Sometimes" }), ["spec.restartPolicy"]);
  });
});
