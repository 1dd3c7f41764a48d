import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { proxyKey } from "../base/identity.ts";
import { Pod } from "../model/pod.ts";
import { indexPods } from "./pods.ts";

const UUID = "11111111-2222-4333-8444-555555555555";

function pod(namespace: string, name: string, account: string): Pod {
  const parsed = Pod.parse({
    metadata: { namespace, name, labels: { "osm-proxy-uuid": UUID } },
    spec: { serviceAccountName: account, containers: [] },
    status: { phase: "Running", podIP: "10.0.0.1" },
  });
  assert.ok(parsed.ok);
  return parsed.value;
}

function claimants(...pods: readonly Pod[]) {
  const { index, findings } = indexPods(
    new Map(pods.map((one) => [`${one.meta.namespace}/${one.meta.name}`, one])),
    () => true,
  );
  const podOf = (namespace: string, name: string) =>
    index.byProxy.get(proxyKey({ uuid: UUID, serviceAccount: { namespace, name } }))?.meta.name;
  return { podOf, codes: findings.map(({ code, about }) => `${code} ${about.namespace}/${about.name}`) };
}

describe("indexPods", () => {
  it("finds a proxy by what its certificate proves", () => {
    const { podOf, codes } = claimants(pod("shop", "web-1", "web"));
    assert.equal(podOf("shop", "web"), "web-1");
    assert.equal(podOf("shop", "other"), undefined);
    assert.deepEqual(codes, []);
  });

  it("lets nobody in another namespace cut a proxy off by copying its label", () => {
    const { podOf, codes } = claimants(pod("shop", "web-1", "web"), pod("attic", "copy", "web"));
    assert.equal(podOf("shop", "web"), "web-1");
    assert.deepEqual([...codes].sort(), ["pod-uuid-duplicate attic/copy", "pod-uuid-duplicate shop/web-1"]);
  });

  it("knows neither of two pods of one account with one uuid", () => {
    const { podOf, codes } = claimants(pod("shop", "web-1", "web"), pod("shop", "web-2", "web"));
    assert.equal(podOf("shop", "web"), undefined);
    assert.equal(codes.length, 2);
  });
});
