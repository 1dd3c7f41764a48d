import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import { pause, until } from "../../../test/support/told-sink.ts";
import { inNamespace, SERVICE, SERVICES, WatchRig } from "../../../test/support/watch-rig.ts";

describe("ListWatch, when the server is away or a connection ends", () => {
  let rig: WatchRig;
  beforeEach(async () => {
    rig = await WatchRig.make();
  });
  afterEach(() => rig.end());

  it("lists again when its version is gone, and tells only what differs, removals included", async () => {
    for (const name of ["kept", "changed", "removed"]) rig.server.put(SERVICES, inNamespace(name));
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    // Nothing of this reaches the watch.
    const whole = rig.server.faults.push((request, response) => {
      if (request.url?.includes("watch=1") !== true) return false;
      refuse(response, 500, "InternalError");
      return true;
    });
    rig.server.dropConnections();
    rig.server.remove(SERVICES, "n/removed");
    rig.server.put(SERVICES, inNamespace("changed", { a: 2 }));
    rig.server.put(SERVICES, inNamespace("added"));
    rig.server.compact();
    rig.server.faults.length = whole - 1;
    await until("the removal is found", () => !rig.sink.objects.has("Service n/removed"));
    assert.deepEqual(rig.sink.log.slice(3), ["+Service n/changed", "+Service n/added", "-Service n/removed"]);
    await until("it watches again", () => rig.watch.status().state === "watching");
  });

  it("removes nothing while the server is away, says since when, and finds what changed meanwhile", async () => {
    for (const name of ["kept", "changed", "removed"]) rig.server.put(SERVICES, inNamespace(name));
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    const before = Date.now();
    await rig.server.away();
    await until("it is away", () => rig.watch.status().state === "away");
    const { since, error } = rig.watch.status();
    assert.ok(since >= before);
    assert.match(error ?? "", /GET \/api\/v1\/services: no answer: .+/);
    rig.server.remove(SERVICES, "n/removed");
    rig.server.put(SERVICES, inNamespace("changed", { a: 2 }));
    await pause(150);
    assert.equal(rig.sink.log.length, 3);
    assert.equal(rig.watch.status().since, since);
    await rig.server.resume();
    await until("the removal is found", () => !rig.sink.objects.has("Service n/removed"));
    assert.equal(rig.sink.objects.get("Service n/changed"), '{"a":2}');
    assert.equal(rig.watch.status().state, "watching");
    assert.equal(rig.watch.status().error, undefined);
  });

  it("finds removals too when the server comes back without its history", async () => {
    for (const name of ["kept", "removed"]) rig.server.put(SERVICES, inNamespace(name));
    await rig.start();
    await rig.server.away();
    await until("it is away", () => rig.watch.status().state === "away");
    rig.server.remove(SERVICES, "n/removed");
    rig.server.compact();
    await rig.server.resume();
    await until("the removal is found", () => !rig.sink.objects.has("Service n/removed"));
    assert.deepEqual(rig.sink.names(), ["Service n/kept"]);
    assert.equal(rig.sink.log.filter((line) => line === "+Service n/kept").length, 1);
  });

  it("tells an object once although the connection broke in the middle of its line", async () => {
    await rig.start();
    await until("it watches", () => rig.server.watchers() === 1);
    const text = JSON.stringify({ type: "ADDED", object: inNamespace("a", { long: "x".repeat(100) }) });
    rig.server.send(SERVICES, text.slice(0, 60));
    await pause(20);
    rig.server.dropConnections();
    rig.server.put(SERVICES, inNamespace("a", { a: 1 }));
    await until("the whole object is told", () => rig.sink.objects.get("Service n/a") === '{"a":1}');
    assert.deepEqual(rig.sink.log, ["+Service n/a"]);
    assert.equal(rig.lists().length, 1, "no listing is needed");
    assert.ok(!rig.states.includes("away"), "a connection that broke is no outage");
  });

  it("waits as long as a busy server asks for", async () => {
    let busyAt = 0;
    let answeredAt = 0;
    rig.server.faults.push((_, response) => {
      if (busyAt > 0) {
        answeredAt ||= Date.now();
        return false;
      }
      busyAt = Date.now();
      response.setHeader("retry-after", "1");
      refuse(response, 429, "TooManyRequests", "slow down");
      return true;
    });
    await rig.start();
    assert.ok(answeredAt - busyAt >= 990, `asked again after ${answeredAt - busyAt} ms`);
    assert.ok(rig.states.includes("away"));
  });

  it("backs off while the server fails, more each time", async () => {
    const at: number[] = [];
    rig.server.faults.push((_, response) => {
      if (at.push(performance.now()) > 5) return false;
      refuse(response, 503, "ServiceUnavailable");
      return true;
    });
    await rig.start(SERVICE, { backOff: { first: 20, cap: 80 } });
    const gaps = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    for (const [i, least] of [10, 20, 40, 40, 40].entries()) {
      assert.ok((gaps[i] ?? 0) >= least - 2, `gap ${i} of ${gaps.map(Math.round)} is at least ${least} ms`);
    }
  });

  it("does not ask in a tight loop when every watch ends at once", async () => {
    rig.server.faults.push((request, response) => {
      if (request.url?.includes("watch=1") !== true) return false;
      response.end();
      return true;
    });
    await rig.start();
    await pause(300);
    assert.ok(rig.watches().length >= 3 && rig.watches().length < 25, `${rig.watches().length} watches in 300 ms`);
  });

  it("gives up a connection on which nothing is heard, not even a bookmark", async () => {
    await rig.start(SERVICE, { silence: 50 });
    await until("it watches anew", () => rig.watches().length >= 3);
    rig.server.put(SERVICES, inNamespace("a"));
    await until("and hears", () => rig.sink.objects.has("Service n/a"));
    assert.ok(!rig.states.includes("away"));
  });

  it("keeps a connection on which bookmarks are heard", async () => {
    await rig.start(SERVICE, { silence: 200 });
    await until("it watches", () => rig.server.watchers() === 1);
    for (let i = 0; i < 10; i++) {
      rig.server.bookmark(SERVICES);
      await pause(50);
    }
    assert.equal(rig.watches().length, 1);
  });

  it("stops while the server does not answer", async () => {
    const held: ServerResponse[] = [];
    rig.server.faults.push((_, response) => held.push(response) > 0);
    void rig.start();
    await until("a request is held", () => held.length === 1);
    await rig.stop();
    await until("all connections are closed", () => rig.server.connections === 0);
  });
});
