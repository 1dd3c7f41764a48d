import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileWith, SETTINGS, snapshotOf, TRUST, withEndpoints } from "../../test/simulate/compiled.ts";
import { Redacted } from "../core/base/redacted.ts";
import { SERVICE_CERTIFICATE } from "../core/envoy/names.ts";
import { ResourceCache } from "../xds/cache.ts";
import { createCompiler } from "./compile.ts";
import type { Leaf } from "./ports.ts";
import { createPublisher } from "./publisher.ts";

const UUID = "6f3c5a52-9f3b-4d0a-8b35-0d8b8f1f6c1";
const MESHED = { metadata: { name: "shop", labels: { "openservicemesh.io/monitored-by": "osm" } } };

function objects(ready: boolean) {
  return withEndpoints([{ apiVersion: "v1", kind: "Namespace", ...MESHED }, webPod(1, ready), webPod(2, true)]);
}

function webPod(n: number, ready: boolean) {
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name: `web-${n}`, labels: { "osm-proxy-uuid": `${UUID}${n}` } },
    spec: { serviceAccountName: "web", containers: [] },
    status: { phase: "Running", podIP: `10.0.0.${n}`, conditions },
  };
}

/** An authority that is away until it is not. */
function world(ready: boolean, obtain: () => Promise<Leaf> = () => Promise.reject(new Error("Vault is away"))) {
  const compiler = createCompiler(SETTINGS);
  const mesh = compileWith(compiler, snapshotOf(objects(ready)).snapshot);
  const [key = "", other = ""] = [...mesh.proxies.keys()].sort();
  const cache = new ResourceCache();
  const errors: string[] = [];
  let tell: (leaf: Leaf) => void = () => undefined;
  let connected: readonly string[] = [key];
  const publisher = createPublisher({
    compiler,
    cache,
    trust: TRUST,
    leaves: {
      obtain,
      adopt: () => true,
      onRenewed(listener) {
        tell = listener;
        return () => undefined;
      },
      retain: () => undefined,
    },
    log: { info: () => undefined, error: (message) => void errors.push(message) },
    breathe: async () => undefined,
    connected: () => connected,
  });
  const show = async (next = mesh) => {
    await publisher.show(next);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const again = () => show(compileWith(compiler, snapshotOf(objects(true)).snapshot));
  const connect = (...keys: readonly string[]) => {
    const come = keys.filter((one) => !connected.includes(one));
    connected = keys;
    for (const one of come) publisher.publish(one);
  };
  return { key, other, cache, errors, publisher, show, again, connect, renew: () => tell(LEAF) };
}

const LEAF: Leaf = {
  account: { namespace: "shop", name: "web" },
  chainPem: "C",
  key: new Redacted("K"),
  issuerId: "i",
  issuedAt: 0,
  notAfter: 1,
  version: "v",
};

describe("a publisher", () => {
  it("gives a proxy that comes back nothing of before, while its certificate is under way", async () => {
    const waiting: ((leaf: Leaf) => void)[] = [];
    const { key, cache, publisher, show, connect } = world(true, () => new Promise((resolve) => waiting.push(resolve)));
    await show();
    waiting.shift()?.(LEAF);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(cache.read(key) !== undefined);
    connect();
    const both = { pem: `${TRUST.pem}another\n` };
    await publisher.trust(both);
    connect(key);
    assert.equal(cache.read(key), undefined, "it would trust the roots of before alone");
    waiting.shift()?.(LEAF);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(publisher.published(key)?.trust, both);
    assert.ok(cache.read(key) !== undefined);
  });
});

describe("a publisher without an authority", () => {
  it("gives pods that are ready everything but a certificate, and that as soon as there is one", async () => {
    const { key, cache, errors, publisher, show, renew } = world(true);
    await show();
    await show();
    const secret = cache.read(key)?.secret.byName.get(SERVICE_CERTIFICATE);
    assert.equal(secret?.withheld, true);
    assert.equal(publisher.published(key)?.trust, TRUST, "it proves whom it trusts to a rotation");
    assert.equal(publisher.published(key)?.leaf, undefined, "and not what it shows");
    assert.equal(errors.length, 1, "said once, not at each compile");
    renew();
    assert.equal(cache.read(key)?.secret.byName.get(SERVICE_CERTIFICATE)?.version, "v");
    assert.equal(publisher.published(key)?.leaf?.version, "v");
  });

  it("gives a proxy that comes back all that is new, though it lacks a certificate", async () => {
    const { key, other, cache, publisher, show, connect } = world(true);
    connect(key, other);
    await show();
    connect(other);
    const both = { pem: `${TRUST.pem}another\n` };
    await publisher.trust(both);
    const before = cache.read(key);
    connect(key, other);
    assert.notEqual(cache.read(key), before, "it would trust the roots of before alone");
    assert.equal(publisher.published(key)?.trust, both);
  });

  it("lets others wait: an Envoy that starts would take it for all there is", async () => {
    const { key, cache, show, again } = world(false);
    await show();
    assert.equal(cache.read(key), undefined);
    await again();
    assert.ok(cache.read(key) !== undefined);
  });
});
