import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import { FakeApiServer, type Fault } from "../../../test/support/fake-api-server.ts";
import { pause, ToldSink, until } from "../../../test/support/told-sink.ts";
import { openAccess } from "./access.ts";
import { createClient, type KubernetesClient } from "./client.ts";
import type { KindState } from "./kind-status.ts";
import { ListWatch, type WatchTimes } from "./list-watch.ts";
import type { WatchedResource } from "./resource.ts";

const SERVICES = "/api/v1/services";
const SERVICE: WatchedResource = { kind: "Service", group: "", plural: "services", versions: ["v1"] };
const SPLITS = "/apis/split.smi-spec.io/v1alpha2/trafficsplits";
const SPLIT: WatchedResource = {
  kind: "TrafficSplit",
  group: "split.smi-spec.io",
  plural: "trafficsplits",
  versions: ["v1alpha2", "v1alpha1"],
};
const TIMES: WatchTimes = {
  watch: 60_000,
  silence: 60_000,
  absent: 30,
  shortWatch: 20,
  backOff: { first: 10, cap: 40 },
};

const service = (name: string, spec: unknown = {}) => ({ metadata: { name, namespace: "n" }, spec });

/** A chapter for each listing: with the kind gone, or the server failing. After the last all is well. */
function tell(chapters: string[]): Fault {
  let chapter: string | undefined = "";
  return ({ url = "" }, response) => {
    if (url.startsWith(SPLITS)) chapter = chapters.shift();
    if (chapter === undefined) return false;
    if (url === "/apis") response.end('{"groups":[{"name":"apps","versions":[]}]}');
    else refuse(response, chapter === "gone" ? 404 : 503, "whatever");
    return true;
  };
}

describe("ListWatch", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let sink = new ToldSink();
  let lifetime = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let watch: ListWatch;
  let states: KindState[] = [];

  async function start(resource = SERVICE, times: Partial<WatchTimes> = {}): Promise<void> {
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
    watch = new ListWatch({
      client,
      resource,
      sink,
      times: { ...TIMES, ...times },
      now: () => Date.now(),
      random: Math.random,
      isMember: () => true,
      onStatus: () => states.push(watch.status().state),
    });
    running = watch.run(lifetime.signal);
    await watch.synced;
  }
  const lists = (path = SERVICES) => server.requests.filter((line) => line.includes(path) && !line.includes("watch=1"));
  const watches = () => server.requests.filter((line) => line.includes("watch=1"));

  beforeEach(async () => {
    server = await FakeApiServer.start();
    server.serveKind(SERVICES, "Service");
    sink = new ToldSink();
    lifetime = new AbortController();
    states = [];
  });
  afterEach(async () => {
    lifetime.abort(new Error("test ended"));
    await running;
    client.close();
    await server.stop();
  });

  it("tells all pages of the first listing with kind and version, then every change in order", async () => {
    server.pageSize = 3;
    for (let i = 0; i < 8; i++) server.put(SERVICES, service(`s${i}`));
    await start();
    assert.equal(sink.names().length, 8);
    assert.deepEqual([...sink.apiVersions], ["v1"]);
    assert.equal(lists().length, 3);
    await until("it watches", () => server.watchers() === 1);
    server.put(SERVICES, service("s0", { a: 1 }));
    server.remove(SERVICES, "n/s1");
    server.put(SERVICES, service("s1"));
    await until("all told", () => sink.log.length === 11);
    assert.deepEqual(sink.log.slice(8), ["+Service n/s0", "-Service n/s1", "+Service n/s1"]);
    assert.equal(sink.objects.get("Service n/s0"), '{"a":1}');
    const { state, objects, lastEventAt, error } = watch.status();
    assert.deepEqual({ state, objects, error }, { state: "watching", objects: 8, error: undefined });
    assert.ok(Date.now() - (lastEventAt ?? 0) < 1000);
  });

  it("goes on from the last bookmark when the server ends a watch, without a listing", async () => {
    server.put(SERVICES, service("a"));
    await start();
    await until("it watches", () => server.watchers() === 1);
    server.serveKind("/api/v1/pods", "Pod");
    for (let i = 0; i < 5; i++) server.put("/api/v1/pods", service(`p${i}`));
    server.bookmark(SERVICES);
    const alive = watch.status().lastEventAt ?? 0;
    await until("the bookmark is a sign of life", () => (watch.status().lastEventAt ?? 0) >= alive);
    server.endWatches(SERVICES);
    await until("it watches again", () => watches().length === 2);
    assert.match(watches()[1] ?? "", /resourceVersion=7&/);
    assert.equal(lists().length, 1);
    assert.deepEqual(states, ["watching"]);
  });

  it("lists again when its version is gone, and tells only what differs, removals included", async () => {
    for (const name of ["kept", "changed", "removed"]) server.put(SERVICES, service(name));
    await start();
    await until("it watches", () => server.watchers() === 1);
    // Nothing of this reaches the watch.
    const whole = server.faults.push((request, response) => {
      if (request.url?.includes("watch=1") !== true) return false;
      refuse(response, 500, "InternalError");
      return true;
    });
    server.dropConnections();
    server.remove(SERVICES, "n/removed");
    server.put(SERVICES, service("changed", { a: 2 }));
    server.put(SERVICES, service("added"));
    server.compact();
    server.faults.length = whole - 1;
    await until("the removal is found", () => !sink.objects.has("Service n/removed"));
    assert.deepEqual(sink.log.slice(3), ["+Service n/changed", "+Service n/added", "-Service n/removed"]);
    await until("it watches again", () => watch.status().state === "watching");
  });

  it("lists without pages when a page's snapshot is gone", async () => {
    server.pageSize = 2;
    for (let i = 0; i < 5; i++) server.put(SERVICES, service(`s${i}`));
    server.faults.push((request) => {
      if (request.url?.includes("continue=") === true) server.compact();
      return false;
    });
    await start();
    assert.equal(sink.names().length, 5);
    assert.equal(sink.log.length, 5);
    assert.deepEqual(
      lists().map((line) => line.includes("limit=")),
      [true, true, false],
    );
  });

  it("removes nothing while the server is away, says since when, and finds what changed meanwhile", async () => {
    for (const name of ["kept", "changed", "removed"]) server.put(SERVICES, service(name));
    await start();
    await until("it watches", () => server.watchers() === 1);
    const before = Date.now();
    await server.away();
    await until("it is away", () => watch.status().state === "away");
    const { since, error } = watch.status();
    assert.ok(since >= before);
    assert.match(error ?? "", /GET \/api\/v1\/services: no answer: .+/);
    server.remove(SERVICES, "n/removed");
    server.put(SERVICES, service("changed", { a: 2 }));
    await pause(150);
    assert.equal(sink.log.length, 3);
    assert.equal(watch.status().since, since);
    await server.resume();
    await until("the removal is found", () => !sink.objects.has("Service n/removed"));
    assert.equal(sink.objects.get("Service n/changed"), '{"a":2}');
    assert.equal(watch.status().state, "watching");
    assert.equal(watch.status().error, undefined);
  });

  it("finds removals too when the server comes back without its history", async () => {
    for (const name of ["kept", "removed"]) server.put(SERVICES, service(name));
    await start();
    await server.away();
    await until("it is away", () => watch.status().state === "away");
    server.remove(SERVICES, "n/removed");
    server.compact();
    await server.resume();
    await until("the removal is found", () => !sink.objects.has("Service n/removed"));
    assert.deepEqual(sink.names(), ["Service n/kept"]);
    assert.equal(sink.log.filter((line) => line === "+Service n/kept").length, 1);
  });

  it("tells an object once although the connection broke in the middle of its line", async () => {
    await start();
    await until("it watches", () => server.watchers() === 1);
    const text = JSON.stringify({ type: "ADDED", object: service("a", { long: "x".repeat(100) }) });
    server.send(SERVICES, text.slice(0, 60));
    await pause(20);
    server.dropConnections();
    server.put(SERVICES, service("a", { a: 1 }));
    await until("the whole object is told", () => sink.objects.get("Service n/a") === '{"a":1}');
    assert.deepEqual(sink.log, ["+Service n/a"]);
    assert.equal(lists().length, 1, "no listing is needed");
    assert.ok(!states.includes("away"), "a connection that broke is no outage");
  });

  for (const [what, line] of [
    ["no JSON", "{]"],
    ["no event", '"hello"'],
    ["an event of no known type", '{"type":"RENAMED","object":{"metadata":{"name":"a","resourceVersion":"9"}}}'],
    ["an object without a version", '{"type":"ADDED","object":{"metadata":{"name":"a"}}}'],
  ]) {
    it(`lists again after a line that is ${what}`, async () => {
      server.put(SERVICES, service("a"));
      await start();
      await until("it watches", () => server.watchers() === 1);
      server.put("/api/v1/services", service("b"));
      server.send(SERVICES, `${line}\n`);
      await until("it lists", () => lists().length === 2);
      await until("it watches", () => watch.status().state === "watching");
      assert.deepEqual(sink.log, ["+Service n/a", "+Service n/b"]);
    });
  }

  it("waits as long as a busy server asks for", async () => {
    let busyAt = 0;
    let answeredAt = 0;
    server.faults.push((_, response) => {
      if (busyAt > 0) {
        answeredAt ||= Date.now();
        return false;
      }
      busyAt = Date.now();
      response.setHeader("retry-after", "1");
      refuse(response, 429, "TooManyRequests", "slow down");
      return true;
    });
    await start();
    assert.ok(answeredAt - busyAt >= 990, `asked again after ${answeredAt - busyAt} ms`);
    assert.ok(states.includes("away"));
  });

  it("backs off while the server fails, more each time", async () => {
    const at: number[] = [];
    server.faults.push((_, response) => {
      if (at.push(performance.now()) > 5) return false;
      refuse(response, 503, "ServiceUnavailable");
      return true;
    });
    await start(SERVICE, { backOff: { first: 20, cap: 80 } });
    const gaps = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    for (const [i, least] of [10, 20, 40, 40, 40].entries()) {
      assert.ok((gaps[i] ?? 0) >= least - 2, `gap ${i} of ${gaps.map(Math.round)} is at least ${least} ms`);
    }
  });

  it("does not ask in a tight loop when every watch ends at once", async () => {
    server.faults.push((request, response) => {
      if (request.url?.includes("watch=1") !== true) return false;
      response.end();
      return true;
    });
    await start();
    await pause(300);
    assert.ok(watches().length >= 3 && watches().length < 25, `${watches().length} watches in 300 ms`);
  });

  it("gives up a connection on which nothing is heard, not even a bookmark", async () => {
    await start(SERVICE, { silence: 50 });
    await until("it watches anew", () => watches().length >= 3);
    server.put(SERVICES, service("a"));
    await until("and hears", () => sink.objects.has("Service n/a"));
    assert.ok(!states.includes("away"));
  });

  it("keeps a connection on which bookmarks are heard", async () => {
    await start(SERVICE, { silence: 200 });
    await until("it watches", () => server.watchers() === 1);
    for (let i = 0; i < 10; i++) {
      server.bookmark(SERVICES);
      await pause(50);
    }
    assert.equal(watches().length, 1);
  });

  it("keeps other objects coming when the sink throws for one", async () => {
    sink.poison = "bad";
    for (const name of ["a", "bad", "c"]) server.put(SERVICES, service(name));
    await start();
    assert.deepEqual(sink.names(), ["Service n/a", "Service n/c"]);
  });

  it("reads an object of 3 MB and 2,000 objects in one burst", async () => {
    await start();
    await until("it watches", () => server.watchers() === 1);
    server.put(SERVICES, service("huge", { text: "ü".repeat(1_500_000) }));
    for (let i = 0; i < 2000; i++) server.put(SERVICES, service(`s${i}`));
    await until("all told", () => sink.objects.size === 2001, 10_000);
    assert.equal(sink.objects.get("Service n/huge")?.length, 1_500_000 + '{"text":""}'.length);
    assert.deepEqual(
      sink.log.slice(1),
      Array.from({ length: 2000 }, (_, i) => `+Service n/s${i}`),
    );
  });

  it("leaves no connection when it is stopped", async () => {
    server.put(SERVICES, service("a"));
    await start();
    await until("it watches", () => server.watchers() === 1);
    lifetime.abort(new Error("stop"));
    await running;
    client.close();
    await until("all connections are closed", () => server.connections === 0);
    server.put(SERVICES, service("b"));
    await pause(20);
    assert.deepEqual(sink.log, ["+Service n/a"]);
  });

  it("stops while the server does not answer", async () => {
    const held: ServerResponse[] = [];
    server.faults.push((_, response) => held.push(response) > 0);
    void start();
    await until("a request is held", () => held.length === 1);
    lifetime.abort(new Error("stop"));
    await running;
    client.close();
    await until("all connections are closed", () => server.connections === 0);
  });

  describe("of a kind that comes and goes", () => {
    it("is synced and empty while the cluster does not have it, and picks it up when it appears", async () => {
      await start(SPLIT);
      assert.equal(watch.status().state, "absent");
      server.serveKind(SPLITS, "TrafficSplit");
      server.put(SPLITS, service("a"));
      await until("told", () => sink.objects.has("TrafficSplit n/a"));
      assert.deepEqual([...sink.apiVersions], ["split.smi-spec.io/v1alpha2"]);
      assert.equal(watch.status().state, "watching");
    });

    it("reads an older version where the best is not served, and the best once it is", async () => {
      const older = SPLITS.replace("v1alpha2", "v1alpha1");
      server.serveKind(older, "TrafficSplit");
      server.put(older, service("a"));
      await start(SPLIT);
      assert.deepEqual([...sink.apiVersions], ["split.smi-spec.io/v1alpha1"]);
      await until("it watches", () => server.watchers() === 1);
      server.serveKind(SPLITS, "TrafficSplit");
      server.put(SPLITS, service("a", { better: true }));
      await pause(30);
      server.endWatches(older);
      await until("told anew", () => sink.apiVersions.has("split.smi-spec.io/v1alpha2"));
      assert.equal(sink.objects.get("TrafficSplit n/a"), '{"better":true}');
    });

    it("removes its objects once the cluster has it no more", async () => {
      server.serveKind(SPLITS, "TrafficSplit");
      server.put(SPLITS, service("a"));
      await start(SPLIT);
      server.dropKind(SPLITS);
      await until("removed", () => sink.objects.size === 0);
      await until("absent", () => watch.status().state === "absent");
      assert.deepEqual(sink.log, ["+TrafficSplit n/a", "-TrafficSplit n/a"]);
    });

    it("keeps its objects when it was absent for a moment only, and again later", async () => {
      server.serveKind(SPLITS, "TrafficSplit");
      server.put(SPLITS, service("a"));
      await start(SPLIT);
      const chapters = ["gone", "gone", "failing", "gone", "gone"];
      server.faults.push(tell(chapters));
      server.dropConnections();
      await until("it is back", () => chapters.length === 0);
      server.put(SPLITS, service("b"));
      await until("it goes on", () => sink.objects.has("TrafficSplit n/b"));
      assert.deepEqual(sink.log, ["+TrafficSplit n/a", "+TrafficSplit n/b"]);
    });

    it("is absent when its group is there without it", async () => {
      server.serveKind("/apis/split.smi-spec.io/v9/others", "Other");
      server.faults.push((request, response) => {
        if (request.url !== "/apis") return false;
        const versions = [{ version: "v1alpha2" }, { version: "v9" }];
        response.end(JSON.stringify({ groups: [{ name: "split.smi-spec.io", versions }] }));
        return true;
      });
      await start(SPLIT);
      assert.equal(watch.status().state, "absent");
    });

    for (const [what, broken] of [
      ["discovery fails", (url: string) => (url === "/apis" ? 503 : url.includes("trafficsplits") ? 404 : 0)],
      ["discovery still has it", (url: string) => (url.includes("trafficsplits") ? 404 : 0)],
      ["everything is 404, as with a proxy in between", () => 404],
    ] as const) {
      it(`keeps its objects when it is not found and ${what}`, async () => {
        server.serveKind(SPLITS, "TrafficSplit");
        server.put(SPLITS, service("a"));
        await start(SPLIT);
        await until("it watches", () => server.watchers() === 1);
        server.faults.push((request, response) => {
          const code = broken(request.url ?? "");
          if (code > 0) refuse(response, code, "NotFound");
          return code > 0;
        });
        server.dropConnections();
        await until("away", () => watch.status().state === "away");
        await pause(200);
        assert.deepEqual(sink.log, ["+TrafficSplit n/a"]);
        assert.equal(watch.status().state, "away");
        server.faults.length = 0;
        server.put(SPLITS, service("b"));
        await until("it goes on", () => sink.objects.has("TrafficSplit n/b"));
      });
    }
  });
});
