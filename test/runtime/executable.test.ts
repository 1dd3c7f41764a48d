/** The compiled executable, as somebody has it who downloaded one file. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const OSM = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist/osm");

function run(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(OSM, args, { cwd, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

describe("the executable", () => {
  // Not the checkout: nothing of it may be needed.
  const folder = mkdtempSync(join(tmpdir(), "osm-executable-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("tells its version", async () => {
    const { code, stdout } = await run(["version", "--json"], folder);
    assert.equal(code, 0);
    const { version, runtime } = JSON.parse(stdout);
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.match(runtime, /^bun /);
  });

  it("says which option it does not know, and ends with 2", async () => {
    const { code, stderr } = await run(["local", "up", "--nonsense"], folder);
    assert.equal(code, 2);
    assert.match(stderr, /--nonsense/);
  });

  it("serves xDS within a second of its start", async () => {
    const took: number[] = [];
    // The best of five: another process may have the processor for a moment, but hardly every time.
    for (let i = 0; i < 5; i++) {
      const [objects, state, port] = [join(folder, `objects-${i}`), join(folder, `state-${i}`), 25128 + i];
      mkdirSync(objects);
      const started = performance.now();
      const args = ["controller", "--objects", objects, "--state", state, "--xds-address", `127.0.0.1:${port}`];
      const child = spawn(OSM, args, { stdio: "ignore" });
      try {
        while (!(await answers(port))) {
          assert.ok(performance.now() - started < 20_000, "it never listened");
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        took.push(performance.now() - started);
      } finally {
        child.kill("SIGKILL");
      }
    }
    assert.ok(Math.min(...took) < 1000, `it took ${took.map(Math.round)} ms`);
  });

  it("runs the demo in a pipe, and leaves nothing behind", async () => {
    const { code, stdout, stderr } = await run(["demo", "--seconds", "10", "--json"], folder);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    assert.equal(report.proxies, 6);
    assert.ok(report.ready_seconds > 0);
    const { bookbuyer, bookthief } = report.clients;
    assert.ok(bookbuyer.requests > 10);
    assert.equal(bookbuyer.ok, bookbuyer.requests, JSON.stringify(report));
    assert.equal(bookbuyer.by_version.v1 + bookbuyer.by_version.v2, bookbuyer.ok);
    assert.ok(bookbuyer.by_version.v1 > bookbuyer.by_version.v2, "the split starts at 90/10");
    assert.ok(bookthief.requests > 10);
    assert.equal(bookthief.denied, bookthief.requests);
    assert.match((await run(["local", "status", "--name", "demo"], folder)).stderr, /no mesh runs/);
  });
});
