/** Delta ADS over real HTTP/2 and TLS: what is sent, when, and what is not. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DeltaDiscoveryResponse } from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { groupOf, type ProxyResources, type Resource } from "../../src/xds/resource.ts";
import { type Connection, DeltaStream } from "../support/xds-client.ts";
import { resources, startWorld, text, type World } from "../support/xds-world.ts";

function namesIn({ resources: all }: DeltaDiscoveryResponse): string[] {
  return all.map((one) => one.name);
}

function versionsIn(responses: readonly DeltaDiscoveryResponse[]): Record<string, string> {
  return Object.fromEntries(responses.flatMap((one) => one.resources.map(({ name, version }) => [name, version])));
}

describe("delta stream", () => {
  let world: World;
  let next = 0;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.stop());

  /** A proxy of its own for each test. */
  async function open(
    contents: ProxyResources,
  ): Promise<{ proxy: string; stream: DeltaStream; connection: Connection }> {
    next += 1;
    const proxy = `proxy-${next}`;
    world.cache.publish(proxy, contents);
    const connection = await world.connect(proxy);
    return { proxy, connection, stream: new DeltaStream(connection) };
  }

  it("gets its first configuration", async () => {
    const { stream } = await open(resources({ cluster: { a: "1", b: "1" }, listener: { out: "1" } }));
    stream.send("cluster");
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a", "b"]);
    stream.send("listener");
    assert.deepEqual(namesIn(await stream.accept("listener")), ["out"]);
    await stream.quiet();
  });

  it("waits for a configuration that is published later", async () => {
    const stream = new DeltaStream(await world.connect("later"));
    stream.send("cluster");
    await stream.quiet();
    world.cache.publish("later", resources({ cluster: { a: "1" } }));
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a"]);
  });

  it("gets only the one resource that changed", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "1", b: "1", c: "1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    world.cache.publish(proxy, resources({ cluster: { a: "1", b: "2", c: "1" } }));
    const update = await stream.accept("cluster");
    assert.deepEqual(namesIn(update), ["b"]);
    assert.deepEqual(update.removedResources, []);
    world.cache.publish(proxy, resources({ cluster: { a: "1", b: "2", c: "1" } }));
    await stream.quiet();
  });

  it("is not sent a refused resource again, but a newer one", async () => {
    const { proxy, stream } = await open(resources({ cluster: { good: "1", bad: "1" } }));
    stream.send("cluster");
    stream.nack(await stream.next("cluster"), "Error adding/updating cluster(s) bad: no such thing");
    await stream.quiet();
    const [rejected] = world.records.rejectedAll.filter((one) => one.proxy === proxy);
    assert.deepEqual(rejected?.names, ["bad"]);
    assert.match(rejected?.message ?? "", /no such thing/);
    // Something else changes: the refused one stays away.
    world.cache.publish(proxy, resources({ cluster: { good: "2", bad: "1" } }));
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["good"]);
    world.cache.publish(proxy, resources({ cluster: { good: "2", bad: "2" } }));
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["bad"]);
  });

  it("does not take a stale nonce for an answer", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "1" } }));
    stream.send("cluster");
    const first = await stream.accept("cluster");
    world.cache.publish(proxy, resources({ cluster: { a: "2" } }));
    const second = await stream.next("cluster");
    stream.ack(first);
    stream.send("cluster", { responseNonce: "never issued" });
    world.cache.publish(proxy, resources({ cluster: { a: "3" } }));
    await stream.quiet(); // the second is still unanswered
    stream.ack(second);
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a"]);
  });

  it("answers new names at once, with these only, and says what does not exist", async () => {
    const { stream } = await open(resources({ endpoints: { a: "1", b: "1", c: "1" } }));
    stream.send("endpoints", { resourceNamesSubscribe: ["a"] });
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a"]);
    stream.send("endpoints", { resourceNamesSubscribe: ["b", "ghost"] });
    const more = await stream.accept("endpoints");
    assert.deepEqual([namesIn(more), more.removedResources], [["b"], ["ghost"]]);
  });

  it("answers a name that is asked for again, and forgets one that is dropped", async () => {
    const { proxy, stream } = await open(resources({ endpoints: { a: "1", b: "1" } }));
    stream.send("endpoints", { resourceNamesSubscribe: ["a", "b"] });
    await stream.accept("endpoints");
    stream.send("endpoints", { resourceNamesSubscribe: ["a"] });
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a"]);
    stream.send("endpoints", { resourceNamesUnsubscribe: ["a"] });
    await stream.quiet();
    world.cache.publish(proxy, resources({ endpoints: { a: "2", b: "2" } }));
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["b"]);
    stream.send("endpoints", { resourceNamesSubscribe: ["a"] });
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a"]);
  });

  it("leaves and enters the wildcard", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "1", b: "1" } }));
    stream.send("cluster", { resourceNamesSubscribe: ["*", "a"] });
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a", "b"]);
    stream.send("cluster", { resourceNamesUnsubscribe: ["*"] });
    await stream.quiet();
    world.cache.publish(proxy, resources({ cluster: { a: "2", b: "2" } }));
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a"]);
    stream.send("cluster", { resourceNamesSubscribe: ["*"] });
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["b"]);
  });

  it("sends nothing to a client that comes back with the same versions", async () => {
    const contents = resources({
      cluster: { a: "1" },
      endpoints: { a: "1" },
      listener: { l: "1" },
      route: { r: "1" },
      secret: { s: "1" },
    });
    const { proxy, stream, connection } = await open(contents);
    stream.send("cluster");
    const seen = [await stream.accept("cluster")];
    for (const [kind, name] of [
      ["endpoints", "a"],
      ["route", "r"],
      ["secret", "s"],
    ] as const) {
      stream.send(kind, { resourceNamesSubscribe: [name] });
      seen.push(await stream.accept(kind));
    }
    stream.send("listener");
    seen.push(await stream.accept("listener"));
    connection.destroy();

    const held = versionsIn(seen);
    const again = new DeltaStream(await world.connect(proxy));
    const before = world.records.sentAll.length;
    again.send("cluster", { initialResourceVersions: { a: seen[0]?.resources[0]?.version ?? "" } });
    again.send("endpoints", { resourceNamesSubscribe: ["a"], initialResourceVersions: { a: held["a"] ?? "" } });
    again.send("listener", { initialResourceVersions: { l: held["l"] ?? "" } });
    again.send("route", { resourceNamesSubscribe: ["r"], initialResourceVersions: { r: held["r"] ?? "" } });
    again.send("secret", { resourceNamesSubscribe: ["s"], initialResourceVersions: { s: held["s"] ?? "" } });
    await again.quiet(300);
    assert.equal(world.records.sentAll.length, before);
  });

  it("tells a client that comes back what is gone, after what is new", async () => {
    const { stream } = await open(resources({ cluster: { fresh: "1" }, listener: { l: "2" }, route: {} }));
    stream.send("cluster", { initialResourceVersions: { gone: "x" } });
    stream.send("listener", { initialResourceVersions: { l: "x" } });
    stream.send("route", { resourceNamesSubscribe: ["r"], initialResourceVersions: { r: "x" } });
    const first = await stream.accept("cluster");
    assert.deepEqual([namesIn(first), first.removedResources], [["fresh"], []]);
    assert.deepEqual(namesIn(await stream.accept("listener")), ["l"]);
    const last = await stream.accept("cluster");
    assert.deepEqual([namesIn(last), last.removedResources], [[], ["gone"]]);
  });

  it("lets a resource adopt the version that a client holds, once", async () => {
    const asked: string[] = [];
    const leaf = (body: string): Resource => ({
      ...text("leaf", body),
      adopt: (held) => {
        asked.push(held);
        return held === "from another replica";
      },
    });
    const { proxy, stream } = await open({ ...resources({}), secret: groupOf("secret", [leaf("1")]) });
    stream.send("secret", {
      resourceNamesSubscribe: ["leaf"],
      initialResourceVersions: { leaf: "from another replica" },
    });
    await stream.quiet();
    assert.ok(asked.includes("from another replica"));
    world.cache.publish(proxy, { ...resources({}), secret: groupOf("secret", [leaf("2")]) });
    assert.deepEqual(namesIn(await stream.accept("secret")), ["leaf"]);

    const other = await open({ ...resources({}), secret: groupOf("secret", [leaf("1")]) });
    other.stream.send("secret", {
      resourceNamesSubscribe: ["leaf"],
      initialResourceVersions: { leaf: "of an old root" },
    });
    assert.deepEqual(namesIn(await other.stream.accept("secret")), ["leaf"]);
  });

  it("makes before it breaks: clusters, endpoints, listeners, routes, then removals", async () => {
    const { proxy, stream } = await open(
      resources({ cluster: { old: "1" }, endpoints: { old: "1" }, listener: { l: "1" }, route: { r: "old" } }),
    );
    stream.send("cluster");
    await stream.accept("cluster");
    stream.send("endpoints", { resourceNamesSubscribe: ["old"] });
    await stream.accept("endpoints");
    stream.send("listener");
    await stream.accept("listener");
    stream.send("route", { resourceNamesSubscribe: ["r"] });
    await stream.accept("route");

    world.cache.publish(
      proxy,
      resources({ cluster: { new: "1" }, endpoints: { new: "1" }, listener: { l: "2" }, route: { r: "new" } }),
    );
    const added = await stream.next("cluster");
    assert.deepEqual([namesIn(added), added.removedResources], [["new"], []]);
    stream.send("endpoints", { resourceNamesSubscribe: ["new"] });
    // Envoy acknowledges a cluster only once it has its endpoints, and until then must get no route to it.
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["new"]);
    await stream.quiet();
    stream.ack(added);
    const listener = await stream.next("listener");
    const route = await stream.next("route");
    await stream.quiet();
    stream.ack(listener);
    await stream.quiet();
    stream.ack(route);
    const removal = await stream.accept("cluster");
    assert.deepEqual([namesIn(removal), removal.removedResources], [[], ["old"]]);
  });

  it("sends endpoints again after their cluster changed", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "1", b: "1" }, endpoints: { a: "1", b: "1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    stream.send("endpoints", { resourceNamesSubscribe: ["a", "b"] });
    await stream.accept("endpoints");
    stream.send("listener");
    await stream.accept("listener");
    world.cache.publish(proxy, resources({ cluster: { a: "2", b: "1" }, endpoints: { a: "1", b: "1" } }));
    const cluster = await stream.next("cluster");
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a"]);
    stream.ack(cluster);
    await stream.quiet();
  });

  it("gives a client that starts one snapshot until it asks for listeners", async () => {
    const { proxy, stream } = await open(resources({ cluster: { a: "1", b: "1" }, endpoints: { a: "1", b: "1" } }));
    stream.send("cluster");
    await stream.accept("cluster");
    world.cache.publish(proxy, resources({ cluster: { a: "2" }, endpoints: { a: "2" }, listener: { l: "2" } }));
    await stream.quiet();
    stream.send("endpoints", { resourceNamesSubscribe: ["a", "b"] });
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a", "b"]);
    await stream.quiet();
    stream.send("listener");
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a"]);
    assert.deepEqual(namesIn(await stream.accept("endpoints")), ["a"]);
    assert.deepEqual(namesIn(await stream.accept("listener")), ["l"]);
  });
});
