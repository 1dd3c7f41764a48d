/** Services of several ports, pods of several Services, a StatefulSet by its headless names, an ignored namespace. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { app, namespace, service } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import {
  apply,
  client,
  deleteNamespaces,
  ensureMesh,
  eventually,
  patchMeshConfig,
  perform,
  podsOf,
  remove,
  setMode,
  untilReady,
  WAIT,
} from "./mesh.ts";
import { setLocalProxyMode } from "./pods.ts";
import { allowHttp, identitiesOf, REFUSED, SOON, settlesAt } from "./traffic.ts";
import { asStatefulSet, withContainer } from "./workloads.ts";

const NS = "shapes";
const IGNORED = "shapes-ignored";
const CALLER = { namespace: NS, name: "caller" };
const POD = `${NS}/caller`;
const ECHO = ["http-echo", "--port", "8080"];
const REPLICAS = 3;
const FQDN = `${NS}.svc.cluster.local`;
/** StatefulSets by the mode that their pods were injected in. The second listens on its pods' own addresses alone. */
const SETS = { Localhost: "web", PodIP: "web-by-address" } as const;
const POLICIES = [
  ...allowHttp(NS, "multi", [CALLER]),
  ...Object.values(SETS).flatMap((name) => allowHttp(NS, name, [{ namespace: NS, name }])),
];

function statefulSet(mode: keyof typeof SETS) {
  const name = SETS[mode];
  const env = mode === "PodIP" ? { LISTEN_ADDRESS: { fieldPath: "status.podIP" } } : {};
  return [
    ...asStatefulSet(app({ namespace: NS, name, run: { app: ECHO }, port: 8080, replicas: REPLICAS, env }), name),
    service({ namespace: NS, name }, [{ port: 8080, appProtocol: "http" }], { headless: true }),
  ];
}

before(async () => {
  await ensureMesh();
  await apply(namespace(NS), ignoredNamespace());
  await setLocalProxyMode(NS, "PodIP");
  await apply(...statefulSet("PodIP"));
  await untilReady(NS);
  await setLocalProxyMode(NS, "Localhost");
  await apply(
    ...withContainer(app({ namespace: NS, name: "multi", run: { app: ECHO }, port: 8080 }), {
      name: "echo",
      run: ["tcp-echo", "--port", "9000"],
      port: 9000,
    }),
    service({ namespace: NS, name: "multi" }, [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "extra", port: 90, targetPort: 9000, appProtocol: "tcp" },
    ]),
    service({ namespace: NS, name: "also-multi" }, [{ port: 8081, targetPort: 8080, appProtocol: "http" }], {
      selector: { app: "multi" },
    }),
    ...statefulSet("Localhost"),
    ...client(CALLER),
    ...client({ namespace: IGNORED, name: "apart" }),
  );
  await untilReady(NS, IGNORED);
}, WAIT);
after(async () => {
  await patchMeshConfig({ sidecar: { localProxyMode: "Localhost" } });
  await deleteNamespaces(NS, IGNORED);
}, WAIT);

function ignoredNamespace() {
  const labels = { "openservicemesh.io/monitored-by": "osm", "openservicemesh.io/ignore": "true" };
  const annotations = { "openservicemesh.io/sidecar-injection": "enabled" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: IGNORED, labels, annotations } };
}

describe("a Service of two ports [e2e_multiple_ports_per_service]", () => {
  it("serves HTTP on the one and TCP on the other, neither the port of the pod", WAIT, async () => {
    await setMode("permissive");
    await settlesAt(POD, `http://multi.${FQDN}/x`, "200");
    await eventually("an echo", SOON, async () => {
      const task = { kind: "tcp", host: `multi.${FQDN}`, port: 90, send: "hello\n", waitMs: 1000, count: 2 } as const;
      assert.equal((await perform(POD, task)).data, "echo response: hello\necho response: hello\n");
    });
  });
});

describe("a pod of two Services [e2e_multiple_services_per_pod]", () => {
  it("is called through both by one TrafficTarget, and through none without", WAIT, async () => {
    const urls = [`http://multi.${FQDN}/x`, `http://also-multi.${FQDN}:8081/x`];
    await setMode("smi");
    for (const url of urls) await settlesAt(POD, url, REFUSED);
    await apply(...POLICIES);
    for (const url of urls) await settlesAt(POD, url, "200");
  });
});

describe("a StatefulSet behind a headless Service", () => {
  for (const [mode, name] of Object.entries(SETS)) {
    it(
      `has every pod reach exactly the pod that it names, in SMI mode and local proxy mode ${mode}`,
      WAIT,
      async () => {
        await setMode("smi");
        await apply(...POLICIES);
        const pods = await podsOf({ namespace: NS, name });
        assert.deepEqual(
          pods,
          [0, 1, 2].map((at) => `${name}-${at}`),
        );
        for (const from of pods)
          for (const to of pods.filter((one) => one !== from)) {
            const results = await settlesAt(`${NS}/pod/${from}`, `http://${to}.${name}.${FQDN}:8080/x`, "200");
            assert.deepEqual(identitiesOf(results), [to]);
          }
      },
    );
  }

  it("refuses who has no TrafficTarget for it", WAIT, async () => {
    await remove(...allowHttp(NS, "multi", [CALLER]));
    await settlesAt(POD, `http://web-1.web.${FQDN}:8080/x`, REFUSED);
  });
});

describe("an ignored namespace [e2e_ignore_namespace]", () => {
  it("has pods without a proxy, whatever its other labels say", WAIT, async () => {
    const path = "jsonpath={.items[*].spec.containers[*].name} {.items[*].spec.initContainers[*].name}";
    const said = await kubectl(["-n", IGNORED, "get", "pods", "-o", path]);
    assert.equal(said.trim(), "main");
  });
});
