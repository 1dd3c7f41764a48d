/**
 * What becomes of pods that are made in the mesh's namespaces, and what their author is told.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { IMAGES } from "../../deploy/build/names.ts";
import { type Manifest, namespace } from "../support/workloads.ts";
import { kubectl, kubectlComplaint } from "./kubectl.ts";
import {
  apply,
  client,
  deleteNamespaces,
  ensureMesh,
  eventually,
  get,
  patchMeshConfig,
  setMode,
  untilReady,
  WAIT,
} from "./mesh.ts";
import { addressOf, appContainer, type PodState, pod, readPod, sidecarOf, tryPod, untilPodReady } from "./pods.ts";

const NAMESPACE = "pods-injection";
const MEASURED = "pods-injection-measured";
const OUTSIDE = "pods-injection-outside";
const SIDECAR_DEFAULTS = { resources: null, logLevel: "error", envoyImage: null };

const at = (name: string) => ({ namespace: NAMESPACE, name });
const tryHere = (options: Parameters<typeof pod>[1] = {}) => tryPod(pod(at("tried"), options));

/** Of a try to make it, without its being made. */
async function complaint(manifest: Manifest): Promise<string> {
  return await kubectlComplaint(["create", "--dry-run=server", "-f", "-"], JSON.stringify(manifest));
}

async function untilTried(what: string, fits: (state: PodState) => boolean): Promise<PodState> {
  return await eventually(what, 60, async () => {
    const state = await tryHere();
    if (!fits(state)) throw new Error(JSON.stringify(sidecarOf(state)));
    return state;
  });
}

before(async () => {
  await ensureMesh();
  await setMode("permissive");
  const measured = namespace(MEASURED);
  const metadata = { ...(measured["metadata"] as { annotations: object; name: string; labels: object }) };
  const annotations = { ...metadata.annotations, "openservicemesh.io/metrics": "enabled" };
  await apply(
    namespace(NAMESPACE),
    { ...measured, metadata: { ...metadata, annotations } },
    namespace(OUTSIDE, "outside"),
    pod({ namespace: MEASURED, name: "web" }),
    ...client({ namespace: OUTSIDE, name: "prometheus" }),
  );
}, WAIT);
after(async () => {
  await patchMeshConfig({ sidecar: SIDECAR_DEFAULTS });
  await deleteNamespaces(NAMESPACE, MEASURED, OUTSIDE);
}, WAIT);

describe("a pod", () => {
  it("gets its sidecar before all other containers, by the default image and without limits", WAIT, async () => {
    const { spec } = await tryHere({ spec: { initContainers: [appContainer("first", ["http-echo"])] } });
    assert.deepEqual(
      spec.initContainers?.map(({ name, restartPolicy = "" }) => `${name} ${restartPolicy}`.trim()),
      ["osm-init", "envoy Always", "first"],
    );
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["main"],
    );
    const [, envoy] = spec.initContainers ?? [];
    assert.deepEqual([envoy?.image, envoy?.resources], [IMAGES.envoy, {}]);
  });

  it("has it as an ordinary container by choice", WAIT, async () => {
    const { spec } = await tryHere({ annotations: { "openservicemesh.io/native-sidecar": "disabled" } });
    assert.deepEqual(
      [spec.initContainers, spec.containers].map((list) => list?.map(({ name }) => name)),
      [["osm-init"], ["main", "envoy"]],
    );
  });

  it("has it as its namespace says, unless it says otherwise itself", WAIT, async () => {
    const name = "openservicemesh.io/native-sidecar";
    const containersOf = async (options: Parameters<typeof pod>[1] = {}) =>
      (await tryHere(options)).spec.containers.map((one) => one.name);
    await kubectl(["annotate", "namespace", NAMESPACE, `${name}=disabled`]);
    try {
      await eventually("the namespace's choice is in force", 60, async () =>
        assert.deepEqual(await containersOf(), ["main", "envoy"]),
      );
      assert.deepEqual(await containersOf({ annotations: { [name]: "enabled" } }), ["main"]);
    } finally {
      await kubectl(["annotate", "namespace", NAMESPACE, `${name}-`]);
    }
    await eventually("pods are as before", 60, async () => assert.deepEqual(await containersOf(), ["main"]));
  });

  it("stays as it is where its annotation says so", WAIT, async () => {
    const state = await tryHere({ annotations: { "openservicemesh.io/sidecar-injection": "disabled" } });
    assert.equal(sidecarOf(state), undefined);
    assert.equal(state.spec.initContainers, undefined);
  });

  it("on its node's network stays as it is, and its author is warned", WAIT, async () => {
    const manifest = pod(at("on-node"), { spec: { hostNetwork: true } });
    assert.match(await kubectlSaid(manifest), /Warning: this pod gets no sidecar .*hostNetwork: true/);
    assert.equal(sidecarOf(await tryPod(manifest)), undefined);
  });

  it("of a namespace outside stays as it is", WAIT, async () => {
    assert.equal(sidecarOf(await tryPod(pod({ namespace: OUTSIDE, name: "tried" }))), undefined);
  });
});

describe("a pod is refused, and told why,", () => {
  const refused: readonly (readonly [string, Parameters<typeof pod>[1], RegExp])[] = [
    [
      "if a container of its own is named envoy",
      { containers: [appContainer("envoy", ["http-echo"])] },
      /container "envoy" has the name of the sidecar's own/,
    ],
    ...(
      [
        ["openservicemesh.io/sidecar-injection", "perhaps"],
        ["openservicemesh.io/native-sidecar", "classic"],
        ["openservicemesh.io/inbound-port-exclusion-list", "80,eighty"],
        ["openservicemesh.io/outbound-port-exclusion-list", "70000"],
        ["openservicemesh.io/outbound-ip-range-exclusion-list", "10.0.0.0/33"],
        ["openservicemesh.io/outbound-ip-range-inclusion-list", "everything"],
      ] as const
    ).map(([name, value]): readonly [string, Parameters<typeof pod>[1], RegExp] => [
      `if ${name} is "${value}"`,
      { annotations: { [name]: value } },
      new RegExp(`${name.replaceAll(".", "\\.")}.*"${value.split(",").at(-1) ?? ""}"`),
    ]),
  ];
  for (const [what, options, why] of refused) {
    it(what, WAIT, async () => {
      const said = await complaint(pod(at("refused"), options));
      assert.match(said, /Forbidden.*osm-inject\.k8s\.io" denied/);
      assert.match(said, why);
    });
  }

  it("if its namespace's annotation cannot be read", WAIT, async () => {
    const name = `${NAMESPACE}-wrong`;
    const labels = { "openservicemesh.io/monitored-by": "osm" };
    const annotations = { "openservicemesh.io/sidecar-injection": "on" };
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels, annotations } });
    try {
      const said = await complaint(pod({ namespace: name, name: "refused" }));
      assert.match(said, new RegExp(`namespace ${name}: annotation openservicemesh\\.io/sidecar-injection is "on"`));
    } finally {
      await deleteNamespaces(name);
    }
  });
});

describe("MeshConfig", () => {
  it(
    "gives resources, log level and image to the sidecars of pods to come [e2e_proxy_resource_limits]",
    WAIT,
    async () => {
      const resources = { limits: { cpu: "2", memory: "128M" }, requests: { cpu: "100m", memory: "64M" } };
      await patchMeshConfig({
        sidecar: { resources, logLevel: "debug", envoyImage: IMAGES.envoy.replace("-v", "-w") },
      });
      const tried = await untilTried("settings are in force", (state) => sidecarOf(state)?.args?.[1] === "debug");
      assert.deepEqual(sidecarOf(tried)?.image, IMAGES.envoy.replace("-v", "-w"));

      await patchMeshConfig({ sidecar: { envoyImage: null } });
      await untilTried("the image is as before", (state) => sidecarOf(state)?.image === IMAGES.envoy);
      await apply(pod(at("limited")));
      const limited = await untilPodReady(at("limited"));
      assert.deepEqual(sidecarOf(limited)?.resources, resources);
      assert.match(await kubectl(["-n", NAMESPACE, "logs", "limited", "-c", "envoy"]), /\[debug\]/);

      await patchMeshConfig({ sidecar: SIDECAR_DEFAULTS });
      const after = await untilTried("settings are as before", (state) => sidecarOf(state)?.args?.[1] === "error");
      assert.deepEqual(sidecarOf(after)?.resources, {});
    },
  );
});

describe("metrics of a namespace", () => {
  it("are announced on its pods, and answered to whoever asks", WAIT, async () => {
    const web = await untilPodReady({ namespace: MEASURED, name: "web" });
    const { annotations = {} } = web.metadata;
    const [port, path] = [annotations["prometheus.io/port"], annotations["prometheus.io/path"]];
    assert.equal(annotations["prometheus.io/scrape"], "true");
    await untilReady(OUTSIDE);
    const { status, body } = await get(`${OUTSIDE}/prometheus`, `http://${addressOf(web)}:${port}${path}`);
    assert.equal(status, 200);
    assert.match(body, /^# TYPE envoy_\w+ (counter|gauge|histogram)$/m);
  });

  it("are not announced elsewhere", WAIT, async () => {
    const { metadata } = await tryHere();
    assert.equal(metadata.annotations?.["prometheus.io/scrape"], undefined);
  });
});

describe("a copy for debugging", () => {
  it("becomes a pod of the mesh with an identity of its own", WAIT, async () => {
    await apply(pod(at("original")));
    const original = await untilPodReady(at("original"));
    const copy = ["--copy-to=copy", "--container=main", "--profile=general", "--", "osm", "demo", "app", "http-echo"];
    await kubectl(["-n", NAMESPACE, "debug", "original", ...copy]);
    const copied = await untilPodReady(at("copy"));
    const [first, second] = [original, copied].map(({ metadata }) => metadata.labels["osm-proxy-uuid"]);
    assert.match(second ?? "", /^[0-9a-f-]{36}$/);
    assert.notEqual(first, second);
    assert.equal((await readPod(at("original"))).metadata.labels["osm-proxy-uuid"], first);
  });
});

/** All that kubectl says of a try, warnings included. */
async function kubectlSaid(manifest: Manifest): Promise<string> {
  // kubectl prints warnings where it prints complaints, and exits with 0 unless they are asked to count as errors.
  return await kubectlComplaint(
    ["create", "--dry-run=server", "--warnings-as-errors", "-f", "-"],
    JSON.stringify(manifest),
  );
}
