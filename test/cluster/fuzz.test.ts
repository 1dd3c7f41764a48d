/**
 * Input that no API server sends, at the webhooks of a control plane that works: each gets an orderly answer, memory
 * stays as it was, and health goes on answering.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { namespace } from "../support/workloads.ts";
import { scaleControlPlane } from "./control-plane.ts";
import { type Forward, forward, openApiServer } from "./forward.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, WAIT } from "./mesh.ts";
import { pod, sidecarOf, tryPod } from "./pods.ts";

const NAMESPACE = "pods-bad-input";
const PATHS = ["/mutate-pod-creation", "/validate"] as const;
const ROUNDS = 3;
const MEBIBYTE = 1024 * 1024;
const LIMIT_BYTES = 3 * MEBIBYTE;
const MOST_KEPT = 64 * MEBIBYTE;

interface Answer {
  readonly status: number;
  readonly body: string;
}

let apiServer: Forward;
let health: Forward;
let restartsBefore: string;

/** Of each replica. */
async function restarts(): Promise<string> {
  const counts = "jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{'\\n'}{end}";
  return await kubectl(["-n", MESH_NAMESPACE, "get", "pods", "-l", `app=${CONTROLLER}`, "-o", counts]);
}

before(async () => {
  await ensureMesh();
  // Nonsense and questions go to the same one.
  await scaleControlPlane(1);
  await apply(namespace(NAMESPACE));
  const target = `deployment/${CONTROLLER}`;
  restartsBefore = await restarts();
  apiServer = await openApiServer();
  health = await forward(MESH_NAMESPACE, target, 9091);
}, WAIT);
after(async () => {
  apiServer?.close();
  health?.close();
  await deleteNamespaces(NAMESPACE);
}, WAIT);

/** By way of the API server, which would make 500 or 502 of a connection that ends before the whole body was taken. */
async function post(path: string, body: string): Promise<Answer> {
  const service = `/api/v1/namespaces/${MESH_NAMESPACE}/services/https:osm-injector:9090/proxy`;
  const answer = await fetch(`http://127.0.0.1:${apiServer.port}${service}${path}?timeout=10s`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(60_000),
  });
  return { status: answer.status, body: await answer.text() };
}

const KIND = { group: "", version: "v1", kind: "Pod" };

function review(object: unknown, more: object = {}): string {
  const asked = { uid: "1", kind: KIND, namespace: NAMESPACE, operation: "CREATE", dryRun: true, object };
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { ...asked, ...more },
  });
}

const POD = pod({ namespace: NAMESPACE, name: "sound" });
const withLabels = (count: number) => {
  const labels = Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, ""]));
  return { ...POD, metadata: { namespace: NAMESPACE, name: "labelled", labels } };
};
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** What is sent, and what may come of it: a status, or `decided` for a review that says yes or no. */
const CASES: readonly (readonly [string, () => string, readonly (number | "decided")[]])[] = [
  ["nothing", () => "", [400]],
  ["no JSON", () => "apiVersion: v1", [400]],
  ["a review cut short", () => review(POD).slice(0, -40), [400]],
  ["null", () => "null", [400]],
  ["a list", () => "[]", [400]],
  ["another kind of object", () => JSON.stringify(POD), [400]],
  ["a review without a request", () => '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', [400]],
  ["a review of a version to come", () => review(POD).replace("k8s.io/v1", "k8s.io/v9"), [400]],
  ["a uid that is a number", () => review(POD, { uid: 7 }), [400]],
  ["bytes that are no text", () => `${review(POD).slice(0, -2)}\u0000\ufffd`, [400]],
  ["100,000 levels", () => nested(100_000), [400, 413]],
  ["a pod of 10,000 levels", () => review(POD).replace('"main"', nested(10_000)), [400, 413]],
  ["a pod that is a text", () => review("pod"), ["decided"]],
  ["a pod that is a list", () => review([POD]), ["decided"]],
  ["a pod of wrong types", () => review({ metadata: 1, spec: { containers: "all", volumes: {} } }), ["decided"]],
  ["a pod with half a million empty containers", () => review({ spec: { containers: many(500_000) } }), ["decided"]],
  ["a pod with 100,000 labels", () => review(withLabels(100_000)), ["decided"]],
  ["a pod with a million labels", () => review(withLabels(1_000_000)), [413]],
  ["a pod of 8 MiB", () => review({ ...POD, note: "x".repeat(8 * MEBIBYTE) }), [413]],
  ["another kind", () => review({}, { kind: { group: "apps", version: "v1", kind: "Deployment" } }), ["decided"]],
  ["a kind with a name without end", () => review({}, { kind: { ...KIND, kind: "K".repeat(MEBIBYTE) } }), [400]],
];

function many(count: number): readonly null[] {
  return Array.from({ length: count }, () => null);
}

async function residentBytes(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${health.port}/metrics`)).text();
  const bytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
  assert.ok(bytes > 0, "there is no process_resident_memory_bytes");
  return bytes;
}

/** How long answers take while `work` goes on, in milliseconds, sorted. */
async function healthDuring(work: () => Promise<void>): Promise<readonly number[]> {
  const times: number[] = [];
  const running = { now: true };
  const asking = (async () => {
    while (running.now) {
      const from = performance.now();
      const answer = await fetch(`http://127.0.0.1:${health.port}/health/alive`);
      await answer.text();
      assert.equal(answer.status, 200);
      times.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    running.now = false;
    await asking;
  }
  return times.sort((a, b) => a - b);
}

function share(sorted: readonly number[], ratioOfOne: number): number {
  return sorted[Math.floor((sorted.length - 1) * ratioOfOne)] ?? Number.NaN;
}

describe("webhooks", () => {
  for (const path of PATHS) {
    for (const [what, body, expected] of CASES) {
      it(`${path} answers ${what}`, WAIT, async () => {
        const { status, body: said } = await post(path, body());
        const outcome = status === 200 ? "decided" : status;
        assert.ok(expected.includes(outcome), `${status}: ${said.slice(0, 300)}`);
        if (status !== 200) return;
        const { response } = JSON.parse(said) as { response: { uid: string; allowed: boolean; status?: object } };
        assert.equal(response.uid, "1");
        if (!response.allowed) assert.match(JSON.stringify(response.status), /"message":".{10,}"/);
      });
    }
  }

  it("take a body of 3 MiB, and no more", WAIT, async () => {
    const fits = review({ ...POD, note: "x".repeat(LIMIT_BYTES - 4096) });
    assert.equal((await post(PATHS[0], fits)).status, 200);
    assert.equal((await post(PATHS[0], `${fits}${" ".repeat(8192)}`)).status, 413);
  });

  it("cost no memory, and health answers meanwhile", WAIT, async () => {
    const bodies = CASES.map(([, body]) => body());
    const all = async () => {
      for (const path of PATHS) for (const body of bodies) await post(path, body);
    };
    const quiet = await healthDuring(() => new Promise((resolve) => setTimeout(resolve, 3000)));
    // The runtime's heap grows to what such a time takes, and breathes: what is kept would be in its least size too.
    const leastOf = async () => {
      let least = Number.POSITIVE_INFINITY;
      for (let round = 0; round < ROUNDS; round++) {
        await all();
        least = Math.min(least, await residentBytes());
      }
      return least;
    };
    let before = 0;
    const times = await healthDuring(async () => {
      await leastOf();
      before = await leastOf();
    });
    // What is kept by mistake only grows, so that one time near the size before shows that nothing is.
    let grown = Number.POSITIVE_INFINITY;
    for (let again = 0; again < 4 && grown >= MOST_KEPT; again++) grown = (await leastOf()) - before;
    const spent = `${times.length} answers, p50 ${share(times, 0.5)}, p95 ${share(times, 0.95)}, max ${share(times, 1)} ms; quiet p95 ${share(quiet, 0.95)} ms; grown from ${before / MEBIBYTE} by ${grown / MEBIBYTE} MiB`;
    console.log(spent);
    assert.ok(grown < MOST_KEPT, spent);
    assert.ok(times.length >= 20, spent);
    // The way through kubectl and a busy machine are no doing of ours: what they take is measured first. One request of
    // nonsense may hold up the next answer for as long as its parsing takes, but a probe is never too late for long.
    assert.ok(share(times, 0.5) < 100 + share(quiet, 0.5), spent);
    assert.ok(share(times, 0.95) < 1000 + share(quiet, 0.95), spent);
  });

  it("go on as before", WAIT, async () => {
    assert.notEqual(sidecarOf(await tryPod(POD)), undefined);
    assert.equal(await restarts(), restartsBefore);
  });
});
