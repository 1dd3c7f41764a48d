import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import { FakeApiServer } from "../../../test/support/fake-api-server.ts";
import { pause, until } from "../../../test/support/told-sink.ts";
import { openAccess } from "./access.ts";
import { createClient, type KubernetesClient } from "./client.ts";
import { type LeaderWork, type LeaseTimes, runWhileLeader } from "./lease.ts";

const LEASES = "/apis/coordination.k8s.io/v1/leases";
const LEASE = { namespace: "osm-system", name: "osm-controller" };
const TIMES: LeaseTimes = { duration: 3000, deadline: 1500, retry: 250 };

describe("runWhileLeader", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let errors: unknown[] = [];
  /** Who works, and the most that ever did at once. */
  let working: string[] = [];
  let most = 0;
  let contenders: { readonly stop: () => Promise<void> }[] = [];

  function contend(identity: string, work: LeaderWork = untilAborted(identity)) {
    const stop = new AbortController();
    const onError = (cause: unknown) => errors.push(cause);
    const holders: string[] = [];
    const onHolder = (holder: string) => holders.push(holder);
    const options = { client, lease: LEASE, identity, times: TIMES, onError, onHolder };
    const done = runWhileLeader(options, stop.signal, work);
    const end = () => {
      stop.abort();
      return done;
    };
    const contender = { holders, stop: end };
    contenders.push(contender);
    return contender;
  }
  function untilAborted(identity: string): LeaderWork {
    return async (signal) => {
      working.push(identity);
      most = Math.max(most, working.length);
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      working = working.filter((one) => one !== identity);
    };
  }
  const spec = () => server.get(LEASES, "osm-system/osm-controller")?.["spec"] as Record<string, unknown>;

  beforeEach(async () => {
    server = await FakeApiServer.start();
    server.serveKind(LEASES, "Lease");
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
    // The first connection loads code, and may take longer than these short times allow.
    await client.request({ path: "/apis" });
    errors = [];
    working = [];
    most = 0;
    contenders = [];
  });
  afterEach(async () => {
    await Promise.all(contenders.map((contender) => contender.stop()));
    client.close();
    await server.stop();
  });

  it("lets one of many work, and another soon after that one stopped", async () => {
    const all = new Map(["a", "b", "c"].map((identity) => [identity, contend(identity)]));
    await until("one leads", () => working.length === 1);
    await pause(300);
    const [first] = working;
    assert.equal(spec()["holderIdentity"], first);
    const stopped = Date.now();
    await all.get(first ?? "")?.stop();
    await until("another leads", () => working.length === 1);
    assert.ok(Date.now() - stopped < TIMES.duration, "the lease was released");
    assert.notEqual(working[0], first);
    assert.equal(spec()["leaseTransitions"], 2 - 1);
    assert.equal(most, 1);
    for (const { holders } of all.values()) assert.ok(holders.includes(first ?? ""));
  });

  it("renews while it works", async () => {
    contend("a");
    await until("it leads", () => working.length === 1);
    const renewals = new Set<unknown>();
    await until("renewals", () => renewals.add(spec()["renewTime"]).size >= 4);
    assert.equal(spec()["leaseTransitions"], 0);
  });

  it("takes over from a holder that vanished, not before its time", async () => {
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    const vanished = { holderIdentity: "dead", leaseDurationSeconds: 1, renewTime, leaseTransitions: 4 };
    server.put(LEASES, { metadata: { ...LEASE, labels: { kept: "yes" } }, spec: vanished });
    const began = Date.now();
    const { holders } = contend("a");
    await until("it leads", () => working.length === 1);
    assert.ok(Date.now() - began >= 1000);
    assert.deepEqual(holders, ["dead", "a"]);
    assert.equal(spec()["leaseTransitions"], 5);
    assert.deepEqual(server.get(LEASES, "osm-system/osm-controller")?.metadata.labels, { kept: "yes" });
  });

  it("stops the work before another may begin when the server is away", async () => {
    contend("a");
    await until("it leads", () => working.length === 1);
    const away = Date.now();
    await server.away();
    await until("the work ends", () => working.length === 0);
    const took = Date.now() - away;
    assert.ok(took >= TIMES.deadline - TIMES.retry - 20 && took < TIMES.duration, `ended after ${took} ms`);
    assert.ok(errors.length > 0);
    await server.resume();
    await until("it leads again", () => working.length === 1);
  });

  it("stops the work in time when the server hangs", async () => {
    contend("a");
    await until("it leads", () => working.length === 1);
    const hung = Date.now();
    server.faults.push(() => true);
    await until("the work ends", () => working.length === 0);
    assert.ok(Date.now() - hung < TIMES.duration);
    server.faults.length = 0;
    server.dropConnections();
  });

  it("keeps working through a short outage, and when the answer to a renewal is lost", async () => {
    let aborted = false;
    contend("a", async (signal) => {
      working.push("a");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      aborted = true;
    });
    await until("it leads", () => working.length === 1);
    let lost = 0;
    server.faults.push((request, response) => {
      if (request.method !== "PUT" || ++lost > 2) return false;
      if (lost === 1) refuse(response, 500, "InternalError");
      // The write happens; its answer never comes.
      else response.end = () => response.destroy();
      return lost === 1;
    });
    await until("both are over", () => lost > 4);
    assert.equal(aborted, false);
  });

  it("stops at once when another took the lease", async () => {
    contend("a");
    await until("it leads", () => working.length === 1);
    const usurper = { ...spec(), holderIdentity: "b", renewTime: "x", leaseDurationSeconds: 60 };
    server.put(LEASES, { metadata: LEASE, spec: usurper });
    await until("the work ends", () => working.length === 0, 1000);
    await pause(200);
    assert.equal(spec()["holderIdentity"], "b");
  });

  it("gives up leadership when the work fails, tells why, and tries again", async () => {
    let tries = 0;
    contend("a", async (signal) => {
      tries += 1;
      if (tries === 1) throw new Error("no luck");
      await untilAborted("a")(signal);
    });
    await until("it works", () => working.length === 1);
    assert.equal(tries, 2);
    assert.match(String(errors[0]), /no luck/);
  });

  it("keeps the lease until work that takes its time to end has ended", async () => {
    let holderAtEnd: unknown;
    const contender = contend("a", async (signal) => {
      working.push("a");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      await pause(150);
      holderAtEnd = spec()["holderIdentity"];
    });
    await until("it leads", () => working.length === 1);
    await contender.stop();
    assert.equal(holderAtEnd, "a");
    assert.equal(spec()["holderIdentity"], "");
  });

  it("does not repeat failing work without a pause", async () => {
    let tries = 0;
    contend("a", async () => {
      tries += 1;
      throw new Error("no luck");
    });
    await pause(900);
    assert.ok(tries >= 2 && tries <= 4, `${tries} tries in 900 ms`);
  });

  it("keeps the lease when the work is done", async () => {
    let times = 0;
    contend("a", async () => void times++);
    await pause(300);
    contend("b", async () => void times++);
    await pause(300);
    assert.equal(times, 1);
    assert.equal(spec()["holderIdentity"], "a");
  });
});
