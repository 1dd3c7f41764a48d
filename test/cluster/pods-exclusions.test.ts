/**
 * What goes past a pod's proxy: by the pod's annotations, and by the MeshConfig for all pods.
 *
 * Egress is off, so a meshed pod reaches a server outside only where its connections are not led through its proxy.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { namespace } from "../support/workloads.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, get, patchMeshConfig, setMode, WAIT } from "./mesh.ts";
import { addressOf, appContainer, pod, tryPod, untilPodReady } from "./pods.ts";

const MESHED = "pods-exclusions";
const OUTSIDE = "pods-exclusions-outside";
const PORTS = [8080, 8081] as const;
const NO_LISTS = {
  outboundPortExclusionList: [],
  outboundIPRangeExclusionList: [],
  outboundIPRangeInclusionList: [],
  inboundPortExclusionList: [],
};

/** Echoes HTTP on both ports. */
const CONTAINERS = PORTS.map((port) =>
  appContainer(port === 8080 ? "main" : "second", ["http-echo", "--port", String(port)], {
    readinessProbe: { httpGet: { path: "/readiness", port }, periodSeconds: 1 },
  }),
);
const inMesh = (name: string) => ({ namespace: MESHED, name });
const outside = (name: string) => ({ namespace: OUTSIDE, name });
const address = new Map<string, string>();

/** `true` where the caller gets an answer of 200; otherwise it gets none at all. */
async function reaches(caller: string, target: string, port: number): Promise<boolean> {
  const [ns, name] = caller.split("/");
  const { status, error } = await get(`${ns}/pod/${name}`, `http://${address.get(target)}:${port}/`);
  assert.ok(status === 200 || status === 0, `${caller} got ${status} ${error} of ${target}:${port}`);
  return status === 200;
}

async function untilRunning(...pods: readonly { readonly namespace: string; readonly name: string }[]): Promise<void> {
  for (const one of pods) address.set(one.name, addressOf(await untilPodReady(one)));
}

before(async () => {
  await ensureMesh();
  await setMode("permissive", { egress: false });
  await patchMeshConfig({ traffic: NO_LISTS });
  await apply(
    namespace(OUTSIDE, "outside"),
    namespace(MESHED),
    ...["near", "far"].map((name) => pod(outside(name), { containers: CONTAINERS })),
  );
  await untilRunning(outside("near"), outside("far"));
  const annotated = (name: string, annotations: Readonly<Record<string, string>>) =>
    pod(inMesh(name), { containers: CONTAINERS, annotations });
  await apply(
    annotated("plain", {}),
    annotated("ports", {
      "openservicemesh.io/outbound-port-exclusion-list": "8081, 9999",
      "openservicemesh.io/inbound-port-exclusion-list": "8081",
    }),
    annotated("ranges", { "openservicemesh.io/outbound-ip-range-exclusion-list": `${address.get("near")}/32` }),
    annotated("included", { "openservicemesh.io/outbound-ip-range-inclusion-list": `${address.get("far")}/32` }),
  );
  await untilRunning(inMesh("plain"), inMesh("ports"), inMesh("ranges"), inMesh("included"));
}, WAIT);
after(async () => {
  await patchMeshConfig({ traffic: NO_LISTS });
  await deleteNamespaces(MESHED, OUTSIDE);
}, WAIT);

describe("by annotation", () => {
  it("nothing is excluded where none says so", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/plain`, "near", 8080), false);
    assert.equal(await reaches(`${MESHED}/plain`, "near", 8081), false);
    assert.equal(await reaches(`${OUTSIDE}/near`, "plain", 8080), false);
    assert.equal(await reaches(`${OUTSIDE}/near`, "plain", 8081), false);
  });

  it("ports to call are excluded [e2e_port_exclusion]", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/ports`, "near", 8081), true);
    assert.equal(await reaches(`${MESHED}/ports`, "near", 8080), false);
  });

  it("ports to be called at are excluded", WAIT, async () => {
    assert.equal(await reaches(`${OUTSIDE}/near`, "ports", 8081), true);
    assert.equal(await reaches(`${OUTSIDE}/near`, "ports", 8080), false);
  });

  it("ranges are excluded", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/ranges`, "near", 8080), true);
    assert.equal(await reaches(`${MESHED}/ranges`, "far", 8080), false);
  });

  it("ranges are included, and all others go past", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/included`, "near", 8080), true);
    assert.equal(await reaches(`${MESHED}/included`, "far", 8080), false);
  });
});

describe("by MeshConfig", () => {
  before(async () => {
    const near = address.get("near");
    await patchMeshConfig({
      traffic: {
        outboundPortExclusionList: [8081],
        outboundIPRangeExclusionList: [`${near}/32`],
        inboundPortExclusionList: [8081],
      },
    });
    await eventually("new pods are injected with the lists", 60, async () => {
      const { spec } = await tryPod(pod(inMesh("tried")));
      const rules = spec.initContainers?.find(({ name }) => name === "osm-init")?.args?.join() ?? "";
      assert.ok(rules.includes(`-d ${near}/32 -j RETURN`), rules);
    });
    await apply(pod(inMesh("later"), { containers: CONTAINERS }));
    await untilRunning(inMesh("later"));
  }, WAIT);

  it("E12: ports and ranges are excluded for pods to come [e2e_port_exclusion, e2e_ip_exclusion]", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/later`, "near", 8080), true, "the range");
    assert.equal(await reaches(`${MESHED}/later`, "far", 8081), true, "the port");
    assert.equal(await reaches(`${MESHED}/later`, "far", 8080), false);
    assert.equal(await reaches(`${OUTSIDE}/near`, "later", 8081), true);
    assert.equal(await reaches(`${OUTSIDE}/near`, "later", 8080), false);
  });

  it("pods that are there keep theirs", WAIT, async () => {
    assert.equal(await reaches(`${MESHED}/plain`, "near", 8080), false);
    assert.equal(await reaches(`${OUTSIDE}/near`, "plain", 8081), false);
  });
});
