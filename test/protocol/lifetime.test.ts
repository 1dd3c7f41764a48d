/** Clients that vanish, dawdle, flood or misbehave, and the end of the server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Connection, DeltaStream, eventually, SotwStream } from "../support/xds-client.ts";
import { resources, startWorld, type World } from "../support/xds-world.ts";

const IDLE_CLIENT = join(import.meta.dirname, "..", "support", "xds-idle.ts");
const CHURN = 500;
const AT_ONCE = 25;

describe("lifetime of streams", () => {
  let world: World;
  before(async () => {
    world = await startWorld({ limits: { maxNames: 50, maxStreamsPerProxy: 3, maxRequestBytes: 64 << 10 } });
  });
  after(() => world.stop());

  it(`leaves no stream behind after ${CHURN} abrupt disconnects`, { timeout: 120_000 }, async () => {
    const wide = await startWorld({ limits: { maxStreamsPerProxy: 1000 } });
    const own = await wide.root.issue("churn");
    wide.cache.publish("churn", resources({ cluster: { big: "x".repeat(100_000) } }));
    for (let done = 0; done < CHURN; done += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, async (_, i) => {
        const connection = await Connection.open({ port: wide.server.port, leaf: own, trustedRoot: wide.root.pem });
        const stream = i % 2 === 0 ? new DeltaStream(connection) : new SotwStream(connection);
        stream.send("cluster");
        void stream.ending(); // reports what it sees; nobody cares
        // At different moments: before the answer, in the midst of it, after it.
        await new Promise((resolve) => setTimeout(resolve, (i * 7) % 40));
        connection.destroy();
      });
      await Promise.all(batch);
      if (done % 100 === 0) wide.cache.publish("churn", resources({ cluster: { big: `${done}`.repeat(50_000) } }));
    }
    await eventually(() => wide.server.activeStreams() === 0, `no open stream, not ${wide.server.activeStreams()}`);
    assert.equal(wide.records.open, 0);
    // And the server still serves.
    const connection = await Connection.open({ port: wide.server.port, leaf: own, trustedRoot: wide.root.pem });
    const stream = new DeltaStream(connection);
    stream.send("cluster");
    await stream.accept("cluster");
    connection.close();
    await wide.stop();
  });

  it("gives a slow reader the newest state only", async () => {
    world.cache.publish("slow", resources({ cluster: { a: "0" } }));
    const stream = new DeltaStream(await world.connect("slow"));
    stream.send("cluster");
    const first = await stream.next("cluster");
    for (let i = 1; i <= 1000; i++) world.cache.publish("slow", resources({ cluster: { a: `${i}` } }));
    await stream.quiet();
    stream.ack(first);
    const second = await stream.accept("cluster");
    assert.equal(new TextDecoder().decode(second.resources[0]?.resource?.value), "1000");
    await stream.quiet();
    assert.equal(world.records.sentAll.filter((one) => one.proxy === "slow").length, 2);
  });

  it("ends a stream at a request without a type, and ignores a type that is not served", async () => {
    world.cache.publish("odd", resources({ cluster: { a: "1" } }));
    const stream = new DeltaStream(await world.connect("odd"));
    stream.send({ typeUrl: "type.googleapis.com/envoy.service.runtime.v3.Runtime" });
    stream.send("cluster");
    await stream.accept("cluster");
    assert.deepEqual(world.records.ignoredAll, ["type.googleapis.com/envoy.service.runtime.v3.Runtime"]);
    stream.send({ typeUrl: "" });
    const error = await stream.ending();
    assert.ok(error instanceof ConnectError && error.code === Code.InvalidArgument, String(error));
  });

  it("bounds names, request sizes and streams of one proxy, and others do not notice", async () => {
    world.cache.publish("greedy", resources({ cluster: { a: "1" } }));
    world.cache.publish("modest", resources({ cluster: { a: "1" } }));
    const modest = new DeltaStream(await world.connect("modest"));
    modest.send("cluster");
    await modest.accept("cluster");

    const greedy = await world.connect("greedy");
    const names = new DeltaStream(greedy);
    names.send("endpoints", { resourceNamesSubscribe: Array.from({ length: 51 }, (_, i) => `e${i}`) });
    const tooMany = await names.ending();
    assert.ok(tooMany instanceof ConnectError && tooMany.code === Code.ResourceExhausted, String(tooMany));
    const bytes = new DeltaStream(greedy);
    bytes.send("endpoints", { resourceNamesSubscribe: ["x".repeat(70 << 10)] });
    const tooLong = await bytes.ending();
    assert.ok(tooLong instanceof ConnectError && tooLong.code === Code.ResourceExhausted, String(tooLong));

    const streams = Array.from({ length: 4 }, () => new DeltaStream(greedy));
    for (const stream of streams) stream.send("cluster");
    const outcomes = await Promise.all(
      streams.map((stream) =>
        stream.next().then(
          () => "served",
          () => "refused",
        ),
      ),
    );
    assert.deepEqual(outcomes.sort(), ["refused", "served", "served", "served"]);
    greedy.destroy();

    world.cache.publish("modest", resources({ cluster: { a: "2" } }));
    await modest.accept("cluster");
  });

  it("answers a flood of requests without ending", async () => {
    world.cache.publish("flood", resources({ endpoints: { a: "1" } }));
    const stream = new DeltaStream(await world.connect("flood"));
    for (let i = 0; i < 5000; i++) stream.send("endpoints", { resourceNamesSubscribe: ["a"] });
    const first = await stream.next("endpoints");
    stream.ack(first);
    await stream.accept("endpoints");
    await stream.quiet(300);
  });

  it("goes on with listeners when clusters are never acknowledged", async () => {
    const hasty = await startWorld({ limits: { ackPatience: 200 } });
    hasty.cache.publish("mute", resources({ cluster: { a: "1" }, listener: { l: "1" } }));
    const stream = new DeltaStream(await hasty.connect("mute"));
    stream.send("cluster");
    await stream.next("cluster"); // never answered
    stream.send("listener");
    await stream.quiet(100);
    await stream.accept("listener");
    // And the mended cluster is not held back either.
    hasty.cache.publish("mute", resources({ cluster: { a: "2" }, listener: { l: "1" } }));
    await stream.accept("cluster");
    await hasty.stop();
  });

  it("finds out that a client is gone without a word", { timeout: 60_000 }, async () => {
    const watchful = await startWorld({ pingInterval: 500 });
    watchful.cache.publish("p", resources({ cluster: { a: "1" } }));
    const alive = new DeltaStream(await watchful.connect("p"));
    alive.send("cluster");
    await alive.accept("cluster");
    const dial = { port: watchful.server.port, leaf: await watchful.root.issue("p"), trustedRoot: watchful.root.pem };
    const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
    const child = spawn(process.execPath, [...runtime, IDLE_CLIENT, JSON.stringify(dial)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await eventually(() => watchful.server.activeStreams() === 2, "the client's stream is there");
    child.kill("SIGSTOP"); // as a half-open connection: no answer, no goodbye
    await eventually(() => watchful.server.activeStreams() === 1, "the silent client's stream is freed");
    watchful.cache.publish("p", resources({ cluster: { a: "2" } }));
    await alive.accept("cluster");
    child.kill("SIGKILL");
    await watchful.stop();
  });

  it("ends all streams when the server closes", async () => {
    const brief = await startWorld();
    brief.cache.publish("p", resources({ cluster: { a: "1" } }));
    const stream = new DeltaStream(await brief.connect("p"));
    stream.send("cluster");
    await stream.accept("cluster");
    const closed = brief.server.close(2000);
    const error = await stream.ending();
    assert.ok(error instanceof ConnectError && error.code === Code.Unavailable, String(error));
    await brief.stop().catch(() => {});
    await closed;
    assert.equal(brief.server.activeStreams(), 0);
  });
});
