import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pod } from "./pod.ts";

function accepted(raw: Readonly<Record<string, unknown>>) {
  const parsed = Pod.parse({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, ...raw });
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

describe("Pod.parse", () => {
  it("reads a pod that has just been made", () => {
    assert.deepEqual(accepted({}), {
      kind: "Pod",
      meta: { namespace: "default", name: "p", uid: "", labels: {}, annotations: {}, createdAt: 0, generation: 0 },
      serviceAccount: "default",
      ips: [],
      ready: false,
      containersReady: false,
      phase: "",
      terminating: false,
      hostNetwork: false,
      hostname: "",
      subdomain: "",
      nodeName: "",
      containerPorts: [],
    });
  });

  it("reads a running pod", () => {
    const pod = accepted({
      metadata: {
        name: "books-1",
        namespace: "shop",
        uid: "u",
        generation: 3,
        creationTimestamp: "2026-11-23T15:36:21Z",
        deletionTimestamp: "2026-11-23T16:00:00Z",
        labels: { "osm-proxy-uuid": "D3B07384-D9A0-4E9B-8A0D-5C2C1E1F0A11" },
        ownerReferences: [
          { kind: "Helper", name: "h" },
          { kind: "StatefulSet", name: "books", controller: true },
        ],
      },
      spec: {
        serviceAccountName: "books",
        hostname: "books-1",
        subdomain: "books",
        nodeName: "n",
        initContainers: [{ name: "i", ports: [{ containerPort: 1 }] }],
        containers: [{ name: "c", ports: [{ name: "dns", containerPort: 53, protocol: "UDP" }] }, { name: "d" }],
      },
      status: {
        phase: "Running",
        podIP: "10.1.0.1",
        podIPs: [{ ip: "10.1.0.1" }, { ip: "fd00::1" }],
        conditions: [
          { type: "Initialized", status: "False" },
          { type: "Ready", status: "True" },
        ],
      },
    });
    assert.equal(pod.meta.createdAt, Date.UTC(2026, 10, 23, 15, 36, 21));
    assert.deepEqual([pod.meta.uid, pod.meta.generation], ["u", 3]);
    assert.deepEqual(
      [pod.ips, pod.ready, pod.phase, pod.terminating],
      [["10.1.0.1", "fd00::1"], true, "Running", true],
    );
    assert.deepEqual(
      [pod.serviceAccount, pod.hostname, pod.subdomain, pod.nodeName],
      ["books", "books-1", "books", "n"],
    );
    assert.equal(pod.proxyUuid, "d3b07384-d9a0-4e9b-8a0d-5c2c1e1f0a11");
    assert.deepEqual(pod.owner, { kind: "StatefulSet", name: "books" });
    assert.deepEqual(pod.containerPorts, [
      { name: "", port: 1, transport: "TCP" },
      { name: "dns", port: 53, transport: "UDP" },
    ]);
  });

  const accounts: readonly (readonly [unknown, string])[] = [
    [{}, "default"],
    [{ serviceAccountName: null, serviceAccount: "old" }, "old"],
    [{ serviceAccountName: "new", serviceAccount: "old" }, "new"],
  ];
  for (const [spec, expected] of accounts) {
    it(`runs as ${expected} for ${JSON.stringify(spec)}`, () =>
      assert.equal(accepted({ spec }).serviceAccount, expected));
  }

  it("takes the one address where there is no list", () => {
    assert.deepEqual(accepted({ status: { podIP: "10.1.0.1", podIPs: null } }).ips, ["10.1.0.1"]);
  });

  for (const status of ["False", "Unknown", null]) {
    it(`is not ready while the condition is ${status}`, () => {
      assert.equal(accepted({ status: { conditions: [{ type: "Ready", status }] } }).ready, false);
    });
  }

  it("names a container port that is none", () => {
    const parsed = Pod.parse({
      metadata: { name: "p" },
      spec: { containers: [{ ports: [{ containerPort: "http" }] }] },
    });
    assert.equal(parsed.ok, false);
    assert.deepEqual(
      parsed.findings.map(({ path, message }) => [path, message]),
      [["spec.containers[0].ports[0].containerPort", 'must be a port from 1 to 65535, but is "http"']],
    );
  });
});
