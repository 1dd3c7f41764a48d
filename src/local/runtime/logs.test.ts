import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { capOnce, logPath } from "./logs.ts";
import { startProcess } from "./pod-process.ts";

const folder = mkdtempSync(join(tmpdir(), "osm-logs-"));
after(() => rmSync(folder, { recursive: true }));

describe("capOnce", () => {
  it("moves a log that has grown too big while its process goes on writing", async () => {
    const logFile = logPath(folder, { namespace: "shop", name: "web", uid: "u1" }, "app");
    const script = "head -c 5000 /dev/zero; sleep 0.5; echo later; sleep 5";
    const running = startProcess({
      argv: ["setsid", "sh", "-c", script],
      env: { PATH: process.env["PATH"] ?? "" },
      logFile,
    });
    await sleep(200);
    await capOnce(folder, 10_000);
    assert.equal(readFileSync(logFile).length, 5000);
    await capOnce(folder, 4_000);
    assert.equal(readFileSync(`${logFile}.1`).length, 5000);
    await sleep(600);
    assert.equal(readFileSync(logFile, "utf8"), "later\n");
    await running.stop(0);
  });

  it("has nothing to do where there are no logs", async () => {
    await capOnce(join(folder, "nowhere"), 1);
  });
});
