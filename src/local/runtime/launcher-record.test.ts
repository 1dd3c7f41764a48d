import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  childrenOf,
  claimLauncher,
  identify,
  isAlive,
  readLauncher,
  removeLauncher,
  signalProcess,
  writeLauncher,
} from "./launcher-record.ts";

const folder = mkdtempSync(join(tmpdir(), "osm-launcher-"));
after(() => rmSync(folder, { recursive: true }));

describe("launcher.json", () => {
  const outer = identify(process.pid);

  it("is claimed by one, rewritten, read back and removed", () => {
    assert.equal(claimLauncher(folder, { rootless: false, outer }), true);
    assert.equal(claimLauncher(folder, { rootless: true, outer }), false);
    writeLauncher(folder, { rootless: false, outer, init: outer });
    assert.deepEqual(readLauncher(folder)?.init, outer);
    removeLauncher(folder);
    assert.equal(readLauncher(folder), undefined);
  });

  it("counts for nothing after a boot, or when broken", () => {
    claimLauncher(folder, { rootless: false, outer });
    const path = join(folder, "launcher.json");
    const text = readFileSync(path, "utf8");
    for (const broken of [
      text.replace(/"bootId": "[^"]+"/, '"bootId": "other"'),
      text.replace(/"pid": \d+/, '"pid": 1'),
      text.slice(0, 30),
      "",
    ]) {
      writeFileSync(path, broken);
      assert.equal(readLauncher(folder), undefined, broken);
    }
    removeLauncher(folder);
  });
});

describe("a host process", () => {
  it("is another one if only its number is the same, and then gets no signal", async () => {
    const child = spawn("sleep", ["30"]);
    assert.ok(child.pid !== undefined);
    const self = identify(child.pid);
    const other = { ...self, startTicks: String(Number(self.startTicks) - 1) };
    assert.deepEqual([isAlive(self), isAlive(other)], [true, false]);
    assert.equal(signalProcess(other, "SIGKILL"), false);
    assert.equal(isAlive(self), true);
    assert.ok(childrenOf(process.pid).some(({ pid }) => pid === child.pid));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    assert.equal(signalProcess(self, "SIGKILL"), true);
    await gone;
    assert.equal(isAlive(self), false);
  });
});
