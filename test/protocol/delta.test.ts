/** Delta ADS over real HTTP/2 and TLS: what is sent, when, and what is not. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DeltaDiscoveryResponse } from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { DeltaStream } from "../support/xds-client.ts";
import { resources, startWorld, type World } from "../support/xds-world.ts";

function namesIn({ resources: all }: DeltaDiscoveryResponse): string[] {
  return all.map((one) => one.name);
}

describe("delta stream", () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.stop());

  it("gets its first configuration", async () => {
    world.cache.publish("first", resources({ cluster: { a: "1", b: "1" }, listener: { out: "1" } }));
    const stream = new DeltaStream(await world.connect("first"));
    stream.send("cluster");
    assert.deepEqual(namesIn(await stream.accept("cluster")), ["a", "b"]);
    stream.send("listener");
    assert.deepEqual(namesIn(await stream.accept("listener")), ["out"]);
    await stream.quiet();
  });
});
