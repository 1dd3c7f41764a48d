import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup, startProcess } from "./pod-process.ts";

const folder = mkdtempSync(join(tmpdir(), "osm-process-"));
const env = { PATH: process.env["PATH"] ?? "" };
after(() => rmSync(folder, { recursive: true }));

function shell(script: string, logFile?: string) {
  return startProcess({ argv: ["setsid", "sh", "-c", script], env, ...(logFile === undefined ? {} : { logFile }) });
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !condition(); tries += 1) await sleep(20);
  assert.ok(condition());
}

describe("startProcess", () => {
  it("appends both streams to the log and reports the exit code", async () => {
    const log = join(folder, "a", "both.log");
    for (const word of ["one", "two"]) {
      const { exited } = shell(`echo ${word}; echo err >&2; exit 3`, log);
      assert.deepEqual(await exited, { code: 3, signal: null });
    }
    assert.equal(readFileSync(log, "utf8"), "one\nerr\ntwo\nerr\n");
  });

  it("reports the signal that ended it", async () => {
    assert.deepEqual(await shell("kill -9 $$").exited, { code: null, signal: "SIGKILL" });
  });

  it("reports a program that is not there as an exit, with a line in the log", async () => {
    const log = join(folder, "none.log");
    const { exited } = startProcess({ argv: ["/nowhere/program"], env, logFile: log });
    assert.deepEqual(await exited, { code: 126, signal: null });
    assert.match(readFileSync(log, "utf8"), /could not be started/);
  });

  it("inherits nothing", async () => {
    const log = join(folder, "env.log");
    process.env["OSM_TEST_SECRET"] = "x";
    await startProcess({ argv: ["env"], env: { PATH: env.PATH, A: "1" }, logFile: log }).exited;
    assert.doesNotMatch(readFileSync(log, "utf8"), /OSM_TEST_SECRET/);
  });

  it("takes what it started with it when it ends by itself", async () => {
    const running = shell("sleep 60 & exit 0");
    await running.exited;
    await eventually(() => !signalGroup(running.pid, 0));
  });
});

describe("stop", () => {
  it("lets a process finish within the grace", async () => {
    const log = join(folder, "grace.log");
    const running = shell("trap 'sleep 0.2; echo done; exit 0' TERM; echo up; while :; do sleep 0.05; done", log);
    await eventually(() => readFileSync(log, "utf8").includes("up"));
    await running.stop(5_000);
    assert.deepEqual(await running.exited, { code: 0, signal: null });
    assert.match(readFileSync(log, "utf8"), /done/);
  });

  it("asks the program alone where another process waits for it", async () => {
    const log = join(folder, "relayed.log");
    const program = "trap 'sleep 0.2; exit 5' TERM; echo up; while :; do sleep 0.05; done";
    const argv = ["setsid", "sh", "-c", 'sh -c "$1"; exit $?', "waits", program];
    const running = startProcess({ argv, env, logFile: log, relayed: true });
    await eventually(() => readFileSync(log, "utf8").includes("up"));
    await running.stop(5_000);
    assert.deepEqual(await running.exited, { code: 5, signal: null });
  });

  it("kills what ignores SIGTERM after the grace, children included, and can be called twice", async () => {
    const log = join(folder, "stubborn.log");
    const running = shell(
      "trap '' TERM; sh -c 'while :; do sleep 0.05; done' & echo up; while :; do sleep 0.05; done",
      log,
    );
    await eventually(() => readFileSync(log, "utf8").includes("up"));
    const started = Date.now();
    await Promise.all([running.stop(300), running.stop(300)]);
    assert.ok(Date.now() - started >= 300 && Date.now() - started < 3_000);
    assert.equal((await running.exited).signal, "SIGKILL");
    await eventually(() => !signalGroup(running.pid, 0));
  });

  it("has nothing to do for a process that has ended", async () => {
    const running = shell("exit 0");
    await running.exited;
    await running.stop(5_000);
  });
});
