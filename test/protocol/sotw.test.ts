/** State-of-the-world ADS over real HTTP/2 and TLS. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DiscoveryResponse } from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { groupOf, type ProxyResources, withheldResource } from "../../src/xds/resource.ts";
import { type Connection, SotwStream } from "../support/xds-client.ts";
import { resources, startWorld, type World } from "../support/xds-world.ts";

function bodiesIn({ resources: all }: DiscoveryResponse): string[] {
  return all.map((one) => new TextDecoder().decode(one.value));
}

describe("state-of-the-world stream", () => {
  let world: World;
  let next = 0;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.stop());

  async function open(
    contents: ProxyResources,
  ): Promise<{ proxy: string; stream: SotwStream; connection: Connection }> {
    next += 1;
    const proxy = `proxy-${next}`;
    world.cache.publish(proxy, contents);
    const connection = await world.connect(proxy);
    return { proxy, connection, stream: new SotwStream(connection) };
  }

  it("gets all of a type, and all of it again when one part changes", async () => {
    const { proxy, stream } = await open(resources({ listener: { a: "a1", b: "b1" } }));
    stream.send("listener");
    const first = await stream.accept("listener");
    assert.deepEqual(bodiesIn(first), ["a1", "b1"]);
    await stream.quiet();
    world.cache.publish(proxy, resources({ listener: { a: "a1", b: "b2" } }));
    const second = await stream.accept("listener");
    assert.deepEqual(bodiesIn(second), ["a1", "b2"]);
    assert.notEqual(second.versionInfo, first.versionInfo);
    await stream.quiet();
  });

  it("is not sent a refused payload again, but a newer one", async () => {
    const { proxy, stream } = await open(resources({ listener: { a: "1" } }));
    stream.send("listener");
    await stream.accept("listener");
    world.cache.publish(proxy, resources({ listener: { a: "2" } }));
    stream.nack(await stream.next("listener"), "no");
    await stream.quiet();
    world.cache.publish(proxy, resources({ listener: { a: "3" } }));
    assert.deepEqual(bodiesIn(await stream.accept("listener")), ["3"]);
    assert.deepEqual(
      world.records.rejectedAll.filter((one) => one.proxy === proxy).map((one) => one.names),
      [["a"]],
    );
  });

  it("goes back to the accepted payload after a refused one", async () => {
    const { proxy, stream } = await open(resources({ listener: { a: "1" } }));
    stream.send("listener");
    await stream.accept("listener");
    world.cache.publish(proxy, resources({ listener: { a: "2" } }));
    stream.nack(await stream.next("listener"), "no");
    world.cache.publish(proxy, resources({ listener: { a: "1" } }));
    assert.deepEqual(bodiesIn(await stream.accept("listener")), ["1"]);
  });

  it("is not sent what is withheld, until it is there", async () => {
    const all = resources({ secret: { roots: "1" } });
    const secret = groupOf("secret", [...all.secret.byName.values(), withheldResource("leaf", undefined)]);
    const { proxy, stream } = await open({ ...all, secret });
    stream.send("secret", { resourceNames: ["leaf", "roots"] });
    assert.deepEqual(bodiesIn(await stream.accept("secret")), ["1"]);
    await stream.quiet();
    world.cache.publish(proxy, resources({ secret: { roots: "1", leaf: "2" } }));
    assert.deepEqual(bodiesIn(await stream.accept("secret")), ["2", "1"]);
  });

  it("ignores stale nonces", async () => {
    const { proxy, stream } = await open(resources({ endpoints: { a: "a1", b: "b1" } }));
    stream.send("endpoints", { resourceNames: ["a"] });
    const first = await stream.accept("endpoints");
    world.cache.publish(proxy, resources({ endpoints: { a: "a2", b: "b1" } }));
    const second = await stream.next("endpoints");
    stream.send("endpoints", { resourceNames: ["a", "b"], responseNonce: first.nonce, versionInfo: first.versionInfo });
    await stream.quiet();
    stream.ack(second);
    assert.deepEqual(bodiesIn(await stream.accept("endpoints")), ["a2", "b1"]);
  });

  it("answers new names on the same version with all requested names, and fewer names not at all", async () => {
    const { stream } = await open(resources({ endpoints: { a: "a1", b: "b1", c: "c1" } }));
    stream.send("endpoints", { resourceNames: ["a"] });
    const first = await stream.accept("endpoints");
    assert.deepEqual(bodiesIn(first), ["a1"]);
    stream.send("endpoints", { resourceNames: ["a", "b"], responseNonce: first.nonce, versionInfo: first.versionInfo });
    const second = await stream.accept("endpoints");
    assert.deepEqual(bodiesIn(second), ["a1", "b1"]);
    stream.send("endpoints", { resourceNames: ["b"], responseNonce: second.nonce, versionInfo: second.versionInfo });
    await stream.quiet();
  });

  it("does not hear of a change in what it did not ask for", async () => {
    const { proxy, stream } = await open(resources({ endpoints: { a: "a1", b: "b1" } }));
    stream.send("endpoints", { resourceNames: ["a"] });
    await stream.accept("endpoints");
    world.cache.publish(proxy, resources({ endpoints: { a: "a1", b: "b2" } }));
    await stream.quiet();
  });

  it("sends nothing to a client that comes back with the same versions", async () => {
    const listener = { l: "1" };
    const { proxy, stream, connection } = await open(
      resources({ cluster: { a: "1" }, endpoints: { a: "1", b: "1" }, listener }),
    );
    stream.send("cluster");
    const cluster = await stream.accept("cluster");
    stream.send("endpoints", { resourceNames: ["a"] });
    const endpoints = await stream.accept("endpoints");
    stream.send("listener");
    const listeners = await stream.accept("listener");
    connection.destroy();
    const again = new SotwStream(await world.connect(proxy));
    // An old nonce means nothing on a new stream.
    again.send("cluster", { versionInfo: cluster.versionInfo, responseNonce: cluster.nonce });
    again.send("endpoints", { resourceNames: ["a"], versionInfo: endpoints.versionInfo });
    again.send("listener", { versionInfo: listeners.versionInfo });
    await again.quiet(300);
    world.cache.publish(proxy, resources({ cluster: { a: "1" }, endpoints: { a: "2", b: "1" }, listener }));
    await again.accept("endpoints");
  });

  it("gives a client that starts one snapshot until it asks for listeners", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "c1" }, endpoints: { a: "e1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    world.cache.publish(proxy, resources({ cluster: { a: "c2" }, endpoints: { a: "e2" }, listener: { l: "l2" } }));
    await stream.quiet();
    stream.send("endpoints", { resourceNames: ["a"] });
    assert.deepEqual(bodiesIn(await stream.accept("endpoints")), ["e1"]);
    await stream.quiet();
    stream.send("listener");
    assert.deepEqual(bodiesIn(await stream.accept("cluster")), ["c2"]);
    assert.deepEqual(bodiesIn(await stream.accept("endpoints")), ["e2"]);
    assert.deepEqual(bodiesIn(await stream.accept("listener")), ["l2"]);
  });

  it("sends clusters twice when some are to go: old and new, then new", async () => {
    const { proxy, stream } = await open(resources({ cluster: { old: "c-old" }, listener: { l: "1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    stream.send("listener");
    await stream.accept("listener");
    world.cache.publish(proxy, resources({ cluster: { new: "c-new" }, listener: { l: "2" } }));
    assert.deepEqual(bodiesIn(await stream.accept("cluster")), ["c-new", "c-old"]);
    const listener = await stream.next("listener");
    await stream.quiet();
    stream.ack(listener);
    assert.deepEqual(bodiesIn(await stream.accept("cluster")), ["c-new"]);
    await stream.quiet();
  });

  it("keeps old clusters while a refused listener may still use them", async () => {
    const { proxy, stream } = await open(resources({ cluster: { old: "c-old" }, listener: { l: "1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    stream.send("listener");
    await stream.accept("listener");
    world.cache.publish(proxy, resources({ cluster: { new: "c-new" }, listener: { l: "bad" } }));
    await stream.accept("cluster");
    stream.nack(await stream.next("listener"), "Error adding/updating listener(s) l: bad");
    await stream.quiet();
    world.cache.publish(proxy, resources({ cluster: { new: "c-new" }, listener: { l: "good" } }));
    await stream.accept("listener");
    assert.deepEqual(bodiesIn(await stream.accept("cluster")), ["c-new"]);
  });

  it("keeps the meaning of an empty list", async () => {
    const { stream } = await open(resources({ cluster: { a: "1", b: "2" } }));
    stream.send("cluster", { resourceNames: ["a"] });
    const first = await stream.accept("cluster");
    assert.deepEqual(bodiesIn(first), ["1"]);
    // After names, an empty list asks for nothing; only a star brings all.
    stream.send("cluster", { resourceNames: [], responseNonce: first.nonce, versionInfo: first.versionInfo });
    await stream.quiet();
    stream.send("cluster", { resourceNames: ["*"], responseNonce: first.nonce, versionInfo: first.versionInfo });
    assert.deepEqual(bodiesIn(await stream.accept("cluster")), ["1", "2"]);
  });
});
