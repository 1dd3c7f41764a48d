/**
 * How pods begin and end with a sidecar: init containers are in the mesh, Jobs complete, classic sidecars serve too.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Manifest, namespace, service } from "../support/workloads.ts";
import { eventually as ask, kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, get, patchMeshConfig, setMode, WAIT } from "./mesh.ts";
import { addressOf, appContainer, pod, readPod, setLocalProxyMode, sidecarOf, untilPodReady } from "./pods.ts";

const NAMESPACE = "pods-life";
const OUTSIDE = "pods-life-outside";
const CLASSIC = { "openservicemesh.io/native-sidecar": "disabled" };
const URL = `http://web.${NAMESPACE}/hello`;
const SERVES = { readinessProbe: { httpGet: { path: "/readiness", port: 8080 }, periodSeconds: 1 } };
const SERVER = [appContainer("main", ["http-echo"], SERVES)];

const at = (name: string) => ({ namespace: NAMESPACE, name });

/** Calls ten times, prints what came of it as one line, and ends. */
function calls(name: string, url: string): object {
  return appContainer(name, ["http-load", "--url", url, "--rps", "10", "--seconds", "1"]);
}

function job(name: string, annotations: Readonly<Record<string, string>>): Manifest {
  const containers = [calls("main", URL)];
  const initContainers = [calls("first", URL)];
  const spec = { restartPolicy: "Never", initContainers, containers };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: at(name),
    spec: { backoffLimit: 0, template: { metadata: { labels: { app: name }, annotations }, spec } },
  };
}

/** Answers by status, as the container's only line says. */
async function answersOf(target: string, container: string): Promise<Readonly<Record<string, number>>> {
  const said = await kubectl(["-n", NAMESPACE, "logs", target, "-c", container]);
  return (JSON.parse(said.trim()) as { readonly answers: Readonly<Record<string, number>> }).answers;
}

before(async () => {
  await ensureMesh();
  // Without egress nothing but the mesh's own services can be called, so that an answer shows that the mesh was used.
  await setMode("permissive", { egress: false });
  await apply(
    namespace(NAMESPACE),
    namespace(OUTSIDE, "outside"),
    pod(at("web"), { containers: SERVER }),
    service(at("web"), [{ port: 80, targetPort: 8080, name: "http" }]),
    pod(at("classic"), { containers: SERVER, annotations: CLASSIC }),
    service(at("classic"), [{ port: 80, targetPort: 8080, name: "http" }]),
    pod({ namespace: OUTSIDE, name: "stranger" }, { containers: SERVER }),
  );
  await untilPodReady(at("web"));
  await untilPodReady(at("classic"));
  await untilPodReady({ namespace: OUTSIDE, name: "stranger" });
}, WAIT);
after(async () => {
  await patchMeshConfig({ sidecar: { localProxyMode: "Localhost" } });
  await deleteNamespaces(NAMESPACE, OUTSIDE);
}, WAIT);

describe("a Job", () => {
  it("J1: completes, and its init container was in the mesh", WAIT, async () => {
    await apply(job("once", {}));
    const path = "jsonpath={.status.succeeded}/{.status.failed}";
    const end = await ask(["-n", NAMESPACE, "get", "job", "once", "-o", path], (said) => said !== "/", 180);
    assert.equal(end, "1/");
    assert.deepEqual(Object.keys(await answersOf("job/once", "first")), ["200"]);
    assert.deepEqual(Object.keys(await answersOf("job/once", "main")), ["200"]);
    // It was the mesh that answered: outside of it the server answers nobody.
    const web = addressOf(await readPod(at("web")));
    assert.equal((await get(`${OUTSIDE}/pod/stranger`, `http://${web}:8080/`)).status, 0);
  });
});

describe("a classic sidecar", () => {
  it("serves and calls as a native one does", WAIT, async () => {
    const { spec } = await readPod(at("classic"));
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["main", "envoy"],
    );
    await eventually("both call each other", 60, async () => {
      assert.equal((await get(`${NAMESPACE}/pod/classic`, URL)).status, 200);
      assert.equal((await get(`${NAMESPACE}/pod/web`, `http://classic.${NAMESPACE}/hello`)).status, 200);
    });
    const address = addressOf(await readPod(at("classic")));
    assert.equal((await get(`${OUTSIDE}/pod/stranger`, `http://${address}:8080/`)).status, 0);
  });

  it("outlives its pod's own containers, and their author is told so", WAIT, async () => {
    const manifest = pod(at("finite"), { annotations: CLASSIC, spec: { restartPolicy: "Never" } });
    const create = ["create", "--dry-run=server", "--warnings-as-errors", "-f", "-"];
    await assert.rejects(kubectl(create, JSON.stringify(manifest)), /the pod goes on when its own containers are done/);
  });
});

describe("local proxy mode PodIP", () => {
  it("leads callers to the pod's address, and not to its loopback", WAIT, async () => {
    await setLocalProxyMode(NAMESPACE, "PodIP");
    await apply(
      pod(at("by-address"), { containers: SERVER }),
      service(at("by-address"), [{ port: 80, targetPort: 8080, name: "http" }]),
    );
    const state = await untilPodReady(at("by-address"));
    assert.notEqual(sidecarOf(state), undefined);
    await eventually("it answers", 60, async () => {
      const answer = await get(`${NAMESPACE}/pod/web`, `http://by-address.${NAMESPACE}/hello`);
      assert.equal(answer.status, 200);
    });
    assert.equal((await get(`${NAMESPACE}/pod/by-address`, URL)).status, 200);
  });
});
