/**
 * Probes of every kind in one pod keep their meaning behind the sidecar: what must fail does fail.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { namespace } from "../support/workloads.ts";
import { testRoot } from "../support/xds-pki.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, setMode, WAIT } from "./mesh.ts";
import { appContainer, type ContainerState, isReady, type PodState, pod, untilPod, untilPodReady } from "./pods.ts";

const NAMESPACE = "pods-probes";
const KINDS = ["http", "https", "tcp", "grpc", "exec"] as const;
type Kind = (typeof KINDS)[number];
type Health = "good" | "bad";

const PORTS: Readonly<Record<Kind, number>> = { http: 8080, https: 8443, tcp: 9001, grpc: 9000, exec: 8090 };
const CLOSED_PORT = 9999;
const OFTEN = { periodSeconds: 2, failureThreshold: 1 };
/** Programs start at their own pace on a busy machine; then it is the readiness probe's turn. */
const AT_START = { periodSeconds: 1, failureThreshold: 120 };

/** Asks the application a question that only a healthy one answers, or only a sick one. */
function probe(kind: Kind, health: Health): object {
  const path = health === "good" ? "/readiness?of=probe" : "/status/500";
  const port = PORTS[kind];
  switch (kind) {
    case "http":
      return { httpGet: { path, port: "web" } };
    case "https":
      return { httpGet: { path, port, scheme: "HTTPS" } };
    case "tcp":
      return { tcpSocket: { port: health === "good" ? port : CLOSED_PORT } };
    case "grpc":
      return { grpc: { port, service: health === "good" ? "books" : "down" } };
    case "exec":
      // Loading so large a program takes a busy machine more than the second that a kubelet waits by default.
      return { exec: { command: ["osm", health === "good" ? "version" : "no-such-command"] }, timeoutSeconds: 30 };
  }
}

/** What fails afterwards is then not for want of a program that listens. A command fails whether one does or not. */
function untilStarted(kind: Kind): object {
  return kind === "exec" ? {} : { startupProbe: { ...probe(kind, "good"), ...AT_START } };
}

const APPS: Readonly<Record<Kind, string>> = {
  http: "http-echo",
  https: "https-echo",
  tcp: "tcp-echo",
  grpc: "grpc-echo",
  exec: "http-echo",
};

/** One container for each kind of probe. */
async function containers(probes: (kind: Kind) => object): Promise<readonly object[]> {
  const { certificate, key } = await (await testRoot()).issue("probed");
  const tls = [
    { name: "TLS_CERTIFICATE", value: certificate },
    { name: "TLS_KEY", value: key },
  ];
  return KINDS.map((kind) =>
    appContainer(kind, [APPS[kind], "--port", String(PORTS[kind])], {
      ...(kind === "https" ? { env: tls } : {}),
      ports: [{ name: kind === "http" ? "web" : kind, containerPort: PORTS[kind] }],
      ...probes(kind),
    }),
  );
}

const at = (name: string) => ({ namespace: NAMESPACE, name });
const stateOf = ({ status }: PodState, name: string): ContainerState | undefined =>
  status.containerStatuses?.find((one) => one.name === name);

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  await apply(
    namespace(NAMESPACE),
    pod(at("good"), {
      containers: await containers((kind) => ({
        startupProbe: { ...probe(kind, "good"), ...AT_START },
        readinessProbe: { ...probe(kind, "good"), ...OFTEN },
        livenessProbe: { timeoutSeconds: 5, ...probe(kind, "good"), periodSeconds: 5, failureThreshold: 10 },
      })),
    }),
    pod(at("not-ready"), {
      containers: await containers((kind) => ({
        ...untilStarted(kind),
        readinessProbe: { ...probe(kind, "bad"), ...OFTEN },
      })),
    }),
    pod(at("not-alive"), {
      containers: await containers((kind) => ({
        ...untilStarted(kind),
        livenessProbe: { ...probe(kind, "bad"), ...OFTEN },
      })),
    }),
  );
}, WAIT);
after(async () => await deleteNamespaces(NAMESPACE));

describe("probes of all kinds in one pod [e2e_health_probe]", () => {
  it("that are answered make it ready, and restart nothing", WAIT, async () => {
    const state = await untilPodReady(at("good"));
    for (const kind of KINDS) assert.equal(stateOf(state, kind)?.restartCount, 0, `${kind} was restarted`);
  });

  it("fail each for itself", WAIT, async () => {
    const started = (state: PodState) => KINDS.every((kind) => stateOf(state, kind)?.started === true);
    await untilPod(at("not-ready"), "has started", started);
    // By now each readiness probe has been asked at least once.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const state = await untilPod(at("not-ready"), "has started", started);
    assert.equal(isReady(state), false);
    for (const kind of KINDS) assert.equal(stateOf(state, kind)?.ready, false, `${kind} counts as ready`);
  });

  it("restart containers that are not alive, and the sidecar stays", WAIT, async () => {
    const state = await untilPod(at("not-alive"), "has all of its containers restarted", (now) =>
      KINDS.every((kind) => (stateOf(now, kind)?.restartCount ?? 0) > 0),
    );
    const envoy = state.status.initContainerStatuses?.find(({ name }) => name === "envoy");
    assert.deepEqual([envoy?.ready, envoy?.restartCount], [true, 0]);
    // Its restarts would go on, and cost the tests after this one.
    await kubectl(["-n", NAMESPACE, "delete", "pod", "not-alive", "--wait=false"]);
  });
});
