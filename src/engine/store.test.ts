import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStore } from "./store.ts";

const namespace = (labels = {}) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels } });
const split = (service: unknown) => ({
  apiVersion: "split.smi-spec.io/v1alpha2",
  kind: "TrafficSplit",
  metadata: { name: "s", namespace: "shop" },
  spec: { service, backends: [] },
});
const SPLIT = { kind: "TrafficSplit", namespace: "shop", name: "s" };

function counted() {
  const calls = { count: 0 };
  return { store: createStore(() => calls.count++), calls };
}

describe("store", () => {
  it("gives one snapshot until something changes, and keeps the maps of kinds that did not", () => {
    const { store } = counted();
    store.apply(namespace());
    const first = store.snapshot();
    assert.equal(store.snapshot(), first);
    store.apply(split("web"));
    const second = store.snapshot();
    assert.equal(second.objects.Namespace, first.objects.Namespace);
    assert.notEqual(second.objects.TrafficSplit, first.objects.TrafficSplit);
    assert.equal(second.number, first.number + 1);
    assert.equal(first.objects.TrafficSplit.size, 0, "an older snapshot does not change");
  });

  it("tells of no change when an object is told again, whatever the server stamped on it", () => {
    const { store, calls } = counted();
    store.apply(namespace({ a: "b" }));
    const { count } = calls;
    const before = store.snapshot();
    const again = namespace({ a: "b" });
    store.apply({ ...again, metadata: { ...again.metadata, resourceVersion: "7", managedFields: [] } });
    assert.equal(calls.count, count);
    assert.equal(store.snapshot(), before);
  });

  it("tells of no change when a faulty object is told again with the same faults", () => {
    const { store, calls } = counted();
    store.apply({ ...split("web"), spec: { service: "web", backends: [], typo: 1 } });
    store.apply(split(7));
    assert.equal(calls.count, 2);
    store.apply(split(7));
    assert.equal(calls.count, 2);
  });

  it("keeps the last accepted version in force, and the newest findings", () => {
    const { store, calls } = counted();
    store.apply(split("web"));
    store.apply(split(7));
    assert.equal(store.snapshot().objects.TrafficSplit.get("shop/s")?.service, "web");
    assert.deepEqual(
      store.findings().map(({ code, path }) => [code, path]),
      [["object-invalid", "spec.service"]],
    );
    const { count } = calls;
    store.apply(split("web"));
    assert.deepEqual(store.findings(), []);
    assert.equal(calls.count, count + 1, "the finding is gone, which is a change");
  });

  it("forgets what is removed, and what was said of it", () => {
    const { store, calls } = counted();
    store.apply(split("web"));
    store.apply(split(7));
    store.remove(SPLIT);
    assert.equal(store.snapshot().objects.TrafficSplit.size, 0);
    assert.deepEqual(store.findings(), []);
    const { count } = calls;
    store.remove(SPLIT);
    store.remove({ ...SPLIT, kind: "toString" });
    assert.equal(calls.count, count, "nothing was there any more");
  });

  it("passes over kinds that the mesh does not read", () => {
    const { store, calls } = counted();
    assert.deepEqual(store.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } }), []);
    assert.equal(calls.count, 0);
  });
});
