import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { pause, until } from "../../../test/support/told-sink.ts";
import { inNamespace, SERVICES, WatchRig } from "../../../test/support/watch-rig.ts";

describe("ListWatch", () => {
  let rig: WatchRig;
  beforeEach(async () => {
    rig = await WatchRig.make();
  });
  afterEach(() => rig.end());

  it("tells all pages of the first listing with kind and version, then every change in order", async () => {
    rig.server.pageSize = 3;
    for (let i = 0; i < 8; i++) rig.server.put(SERVICES, inNamespace(`s${i}`));
    await rig.start();
    assert.equal(rig.sink.names().length, 8);
    assert.deepEqual([...rig.sink.apiVersions], ["v1"]);
    assert.equal(rig.lists().length, 3);
    await until("it watches", () => rig.server.watchers() === 1);
    rig.server.put(SERVICES, inNamespace("s0", { a: 1 }));
    rig.server.remove(SERVICES, "n/s1");
    rig.server.put(SERVICES, inNamespace("s1"));
    await until("all told", () => rig.sink.log.length === 11);
    assert.deepEqual(rig.sink.log.slice(8), ["+Service n/s0", "-Service n/s1", "+Service n/s1"]);
    assert.equal(rig.sink.objects.get("Service n/s0"), '{"a":1}');
    const { state, objects, lastEventAt, error } = rig.watch.status();
    assert.deepEqual({ state, objects, error }, { state: "watching", objects: 8, error: undefined });
    assert.ok(Date.now() - (lastEventAt ?? 0) < 1000);
  });

  it("goes on from the last bookmark when the server ends a watch, without a listing", async () => {
    rig.server.put(SERVICES, inNamespace("a"));
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    rig.server.serveKind("/api/v1/pods", "Pod");
    for (let i = 0; i < 5; i++) rig.server.put("/api/v1/pods", inNamespace(`p${i}`));
    rig.server.bookmark(SERVICES);
    const alive = rig.watch.status().lastEventAt ?? 0;
    await until("the bookmark is a sign of life", () => (rig.watch.status().lastEventAt ?? 0) >= alive);
    rig.server.endWatches(SERVICES);
    await until("it watches again", () => rig.watches().length === 2);
    assert.match(rig.watches()[1] ?? "", /resourceVersion=7&/);
    assert.equal(rig.lists().length, 1);
    assert.deepEqual(rig.states, ["watching"]);
  });

  it("lists without pages when a page's snapshot is gone", async () => {
    rig.server.pageSize = 2;
    for (let i = 0; i < 5; i++) rig.server.put(SERVICES, inNamespace(`s${i}`));
    rig.server.faults.push((request) => {
      if (request.url?.includes("continue=") === true) rig.server.compact();
      return false;
    });
    await rig.start();
    assert.equal(rig.sink.names().length, 5);
    assert.equal(rig.sink.log.length, 5);
    assert.deepEqual(
      rig.lists().map((line) => line.includes("limit=")),
      [true, true, false],
    );
  });

  for (const [what, line] of [
    ["no JSON", "{]"],
    ["no event", '"hello"'],
    ["an event of no known type", '{"type":"RENAMED","object":{"metadata":{"name":"a","resourceVersion":"9"}}}'],
    ["an object without a version", '{"type":"ADDED","object":{"metadata":{"name":"a"}}}'],
  ]) {
    it(`lists again after a line that is ${what}`, async () => {
      rig.server.put(SERVICES, inNamespace("a"));
      await rig.start();
      await until("it watches", () => rig.server.watchers() === 1);
      rig.server.put("/api/v1/services", inNamespace("b"));
      rig.server.send(SERVICES, `${line}\n`);
      await until("it lists", () => rig.lists().length === 2);
      await until("it watches", () => rig.watch.status().state === "watching");
      assert.deepEqual(rig.sink.log, ["+Service n/a", "+Service n/b"]);
    });
  }

  it("keeps other objects coming when the sink throws for one", async () => {
    rig.sink.poison = "bad";
    for (const name of ["a", "bad", "c"]) rig.server.put(SERVICES, inNamespace(name));
    await rig.start();
    assert.deepEqual(rig.sink.names(), ["Service n/a", "Service n/c"]);
  });

  it("reads an object of 3 MB and 2,000 objects in one burst", async () => {
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    rig.server.put(SERVICES, inNamespace("huge", { text: "ü".repeat(1_500_000) }));
    for (let i = 0; i < 2000; i++) rig.server.put(SERVICES, inNamespace(`s${i}`));
    await until("all told", () => rig.sink.objects.size === 2001, 10_000);
    assert.equal(rig.sink.objects.get("Service n/huge")?.length, 1_500_000 + '{"text":""}'.length);
    assert.deepEqual(
      rig.sink.log.slice(1),
      Array.from({ length: 2000 }, (_, i) => `+Service n/s${i}`),
    );
  });

  it("leaves no connection when it is stopped", async () => {
    rig.server.put(SERVICES, inNamespace("a"));
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    await rig.stop();
    await until("all connections are closed", () => rig.server.connections === 0);
    rig.server.put(SERVICES, inNamespace("b"));
    await pause(20);
    assert.deepEqual(rig.sink.log, ["+Service n/a"]);
  });
});
