import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loopbackMeshes } from "../../test/support/loopback-mesh.ts";
import { startHttpEcho } from "../demo/apps/http-echo.ts";
import { serveTcp } from "../demo/serve.ts";
import { demoCommand } from "./demo.ts";

/** Runs `osm demo ARGS`; what it printed. */
async function run(...args: readonly string[]): Promise<{ out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const { log, error } = console;
  console.log = (line: string) => void out.push(line);
  console.error = (line: string) => void err.push(line);
  try {
    await demoCommand(loopbackMeshes()).parseAsync([...args], { from: "user" });
  } finally {
    Object.assign(console, { log, error });
  }
  return { out, err };
}

describe("osm demo", () => {
  it("--seconds --json prints one JSON object and nothing else on stdout", async () => {
    const { out, err } = await run("--seconds", "0.5", "--json");
    assert.equal(out.length, 1);
    const report = JSON.parse(out[0] ?? "");
    assert.deepEqual(Object.keys(report), ["ready_seconds", "proxies", "clients"]);
    assert.ok(report.clients.bookbuyer.ok > 0);
    assert.ok(err.some((line) => line.includes("switches/allow-bookthief.yaml")));
  });

  it("app http-load takes --seconds for itself", async () => {
    const echo = await startHttpEcho({ env: { IDENTITY: "me" }, port: 0, log: () => undefined });
    const url = `http://127.0.0.1:${echo.port}/`;
    const { out } = await run(
      "app",
      "http-load",
      "--url",
      url,
      "--rps",
      "50",
      "--seconds",
      "0.4",
      "--header",
      "x-a: b",
    );
    await echo.close();
    assert.deepEqual(JSON.parse(out[0] ?? "").by_identity, { me: 20 });
  });

  it("app ends on SIGTERM, and frees its port", async () => {
    const { port, close } = await serveTcp(0, () => undefined);
    await close();
    for (let i = 0; i < 2; i++) {
      const running = run("app", "tcp-echo", "--port", String(port));
      setTimeout(() => process.kill(process.pid, "SIGTERM"), 100);
      await running;
    }
  });
});
