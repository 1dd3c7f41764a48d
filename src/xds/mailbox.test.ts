import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ResourceCache } from "./cache.ts";
import { Mailbox } from "./mailbox.ts";
import { emptyGroup, groupOf, type ProxyResources, resourceOf } from "./resource.ts";

function published(body: string): ProxyResources {
  return {
    cluster: groupOf("cluster", [resourceOf("a", new TextEncoder().encode(body))]),
    endpoints: emptyGroup("endpoints"),
    listener: emptyGroup("listener"),
    route: emptyGroup("route"),
    secret: emptyGroup("secret"),
  };
}

describe("Mailbox", () => {
  it("keeps requests in order, and of published resources the newest", async () => {
    const mailbox = new Mailbox<number>();
    const newest = published("2");
    await mailbox.put(1);
    mailbox.publish(published("1"));
    await mailbox.put(2);
    mailbox.publish(newest);
    mailbox.remindOverdue();
    assert.deepEqual(await mailbox.next(), { kind: "resources", resources: newest });
    assert.deepEqual(await mailbox.next(), { kind: "request", request: 1 });
    assert.deepEqual(await mailbox.next(), { kind: "request", request: 2 });
    assert.deepEqual(await mailbox.next(), { kind: "overdue" });
  });

  it("makes the writer wait when it is full", async () => {
    const mailbox = new Mailbox<number>();
    let accepted = 0;
    const writing = (async () => {
      for (let i = 0; i < 100; i++) {
        await mailbox.put(i);
        accepted += 1;
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(accepted < 40, `${accepted} accepted unread`);
    for (let i = 0; i < 100; i++) assert.deepEqual(await mailbox.next(), { kind: "request", request: i });
    await writing;
  });

  it("wakes reader and writer when it is closed", async () => {
    const ended = new Mailbox<number>();
    const reading = ended.next();
    ended.close();
    assert.equal(await reading, undefined);

    const failed = new Mailbox<number>();
    const writing = (async () => {
      for (let i = 0; i < 100; i++) await failed.put(i);
    })();
    failed.close(new Error("gone"));
    failed.close();
    await assert.rejects(failed.next(), /gone/);
    await writing;
  });
});

describe("ResourceCache", () => {
  it("tells a late subscriber what there is, and then only of changes", () => {
    const cache = new ResourceCache();
    const told: (ProxyResources | undefined)[] = [];
    const one = published("1");
    cache.publish("p", one);
    const stop = cache.subscribe("p", (resources) => told.push(resources));
    cache.publish("p", published("1"));
    const two = published("2");
    cache.publish("p", two);
    cache.publish("other", published("3"));
    cache.remove("p");
    stop();
    cache.publish("p", published("4"));
    assert.deepEqual(told, [one, two, undefined]);
  });

  it("keeps a subscription that was made while an older one of the same proxy ended", () => {
    const cache = new ResourceCache();
    const stopFirst = cache.subscribe("p", () => {});
    stopFirst();
    let told = 0;
    cache.subscribe("p", () => {
      told += 1;
    });
    stopFirst();
    cache.publish("p", published("1"));
    assert.equal(told, 1);
  });
});
