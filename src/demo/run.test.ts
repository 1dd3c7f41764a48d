/** The whole demo over real sockets on loopback, with a stand-in for the mesh: see `test/support/loopback-mesh.ts`. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { loopbackMeshes } from "../../test/support/loopback-mesh.ts";
import type { LocalMesh, LocalMeshes } from "./ports.ts";
import { type DemoInput, runDemo } from "./run.ts";
import { lineScreen } from "./screen.ts";
import type { View } from "./view.ts";

function input(meshes: LocalMeshes, change: Partial<DemoInput> = {}): DemoInput {
  return {
    meshes,
    duration: 400,
    openScreen: () => lineScreen(() => undefined),
    log: () => undefined,
    hint: () => undefined,
    signal: new AbortController().signal,
    ...change,
  };
}

/** `meshes` with something changed about the mesh that they launch, and the folders that they were given. */
function spied(meshes: LocalMeshes, change: (mesh: LocalMesh) => Partial<LocalMesh> = () => ({})) {
  const folders: string[] = [];
  const spy: LocalMeshes = {
    preflight: meshes.preflight,
    async launch(given) {
      folders.push(dirname(given.directory));
      const mesh = await meshes.launch(given);
      return { ...mesh, ...change(mesh) };
    },
  };
  const filesLeft = () => folders.filter((folder) => existsSync(folder));
  return { spy, folders, filesLeft };
}

describe("runDemo()", () => {
  it("sells to bookbuyer, refuses bookthief, splits 90/10, and leaves nothing behind", async () => {
    const state = { launched: 0 };
    const { spy, folders, filesLeft } = spied(loopbackMeshes(state));
    const report = await runDemo(input(spy, { duration: 3_000 }));
    assert.ok(report !== undefined);
    const { bookbuyer, bookthief } = report.clients;
    assert.equal(report.proxies, 6);
    assert.ok(bookbuyer.requests > 10, `${bookbuyer.requests} requests`);
    assert.equal(bookbuyer.ok, bookbuyer.requests);
    assert.ok(Math.abs(bookbuyer.by_version.v2 / bookbuyer.ok - 0.1) < 0.06, JSON.stringify(bookbuyer));
    assert.ok(bookthief.requests > 10);
    assert.deepEqual([bookthief.ok, bookthief.denied, bookthief.failed], [0, bookthief.requests, 0]);
    assert.equal(state.launched, 0);
    assert.equal(folders.length, 1);
    assert.deepEqual(filesLeft(), []);
  });

  it("turns the switches by key, and shows what changed", async () => {
    const views: View[] = [];
    const messages: string[] = [];
    const keys: ((key: string) => void)[] = [];
    const stop = new AbortController();
    const openScreen: DemoInput["openScreen"] = (onKey) => {
      keys.push(onKey);
      const show = (view: View, message: string): void => {
        views.push(view);
        messages.push(message);
      };
      return { interval: 50, since: "turn", show, close: () => undefined };
    };
    const press = async (key: string, seen: (view: View | undefined) => boolean): Promise<View | undefined> => {
      for (const one of keys) one(key);
      const deadline = Date.now() + 10_000;
      while (!seen(views.at(-1)) && Date.now() < deadline) await sleep(20);
      assert.ok(seen(views.at(-1)), `after ${key}: ${JSON.stringify(views.at(-1))}`);
      return views.at(-1);
    };
    const running = runDemo(input(loopbackMeshes(), { duration: undefined, openScreen, signal: stop.signal }));
    while (views.length < 3) await sleep(20);
    const thief = (view: View | undefined) => view?.calls.find(({ from }) => from === "bookthief")?.tally;

    await press("x", (view) => (thief(view)?.denied ?? 0) > 0);
    await press("t", (view) => (thief(view)?.ok ?? 0) > 5);
    assert.match(messages.at(-1) ?? "", /applied allow-bookthief\.yaml/);
    await press("t", (view) => (thief(view)?.denied ?? 0) > 5);
    await press("p", (view) => (thief(view)?.ok ?? 0) > 5);
    await press("s", (view) => (view?.headline ?? "").includes("split v1 50 / v2 50"));
    const all2 = await press(
      "s",
      (view) => (view?.headline ?? "").includes("split v1 0 / v2 100") && (view?.split.v2 ?? 0) > 10,
    );
    assert.ok((all2?.split.v1 ?? 0) <= 1, JSON.stringify(all2?.split));
    await press("q", () => true);
    assert.ok((await running) !== undefined);
  });

  it("keeps a switch where it was when the mesh refuses the manifest", async () => {
    const shown: { view: View; message: string }[] = [];
    const { spy } = spied(loopbackMeshes(), () => ({ apply: () => Promise.reject(new Error("no such kind")) }));
    let press: (key: string) => void = () => undefined;
    const openScreen: DemoInput["openScreen"] = (onKey) => {
      press = onKey;
      return {
        interval: 50,
        since: "turn",
        show: (view, message) => {
          // With the first picture, so that a slow machine has all the time that is left.
          if (shown.length === 0) press("t");
          shown.push({ view, message });
        },
        close: () => undefined,
      };
    };
    await runDemo(input(spy, { openScreen, duration: 1500 }));
    assert.match(shown.at(-1)?.message ?? "", /allow-bookthief\.yaml was not applied: no such kind/);
    assert.match(shown.at(-1)?.view.headline ?? "", /bookthief denied/);
  });

  it("names what the machine lacks, and launches nothing", async () => {
    const { spy, folders } = spied(loopbackMeshes());
    const meshes: LocalMeshes = { ...spy, preflight: async () => ["iptables is missing: apt-get install iptables"] };
    await assert.rejects(runDemo(input(meshes)), {
      name: "PreflightFailed",
      message: /iptables is missing: apt-get install iptables/,
    });
    assert.deepEqual(folders, []);
  });

  it("takes the mesh down when its pods never become ready, and names them", async () => {
    const state = { launched: 0 };
    const { spy, filesLeft } = spied(loopbackMeshes(state), (mesh) => ({
      async status() {
        const { pods } = await mesh.status();
        return {
          pods: pods.map((pod) =>
            pod.name.startsWith("database") ? { ...pod, ready: false, reason: "no listener" } : pod,
          ),
        };
      },
    }));
    await assert.rejects(
      runDemo(input(spy, { patience: 300 })),
      /5 of 6 pods ready .*bookwarehouse\/database-v1-0 \(no listener\)/,
    );
    assert.equal(state.launched, 0);
    assert.deepEqual(filesLeft(), []);
  });

  it("does not take a mesh without a book for ready", async () => {
    const state = { launched: 0 };
    const { spy } = spied(loopbackMeshes(state), () => ({ fetchPod: () => Promise.resolve('{"calls":{}}') }));
    await assert.rejects(runDemo(input(spy, { patience: 300 })), /bookbuyer got no book/);
    assert.equal(state.launched, 0);
  });

  it("ends without a report when it is interrupted: while it starts, and while it runs", async () => {
    for (const pause of [10, 800]) {
      const state = { launched: 0 };
      const { spy, filesLeft } = spied(loopbackMeshes(state));
      const stop = new AbortController();
      setTimeout(() => stop.abort(), pause);
      assert.equal(await runDemo(input(spy, { duration: 60_000, signal: stop.signal })), undefined);
      assert.equal(state.launched, 0);
      assert.deepEqual(filesLeft(), []);
    }
  });

  it("says so when taking down fails, even after Ctrl-C", async () => {
    const stop = new AbortController();
    const { spy } = spied(loopbackMeshes(), (mesh) => ({
      async down() {
        await mesh.down();
        throw new Error("a namespace is left");
      },
    }));
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(runDemo(input(spy, { duration: undefined, signal: stop.signal })), /a namespace is left/);
  });
});
