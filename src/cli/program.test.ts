import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { captureTerminal, type Terminal } from "../../test/support/terminal.ts";
import type { MeshStatus } from "../local/cluster/status.ts";
import { osmArgv } from "./executable.ts";
import { readHandshakes } from "./local-meshes.ts";
import { statusLines } from "./local-status.ts";
import { type ProgramDeps, runProgram } from "./program.ts";
import { ageText, tableLines } from "./table.ts";

function refuse(): Promise<never> {
  return Promise.reject(new Error("not in this test"));
}

const DEPS: ProgramDeps = {
  startControlPlane: refuse,
  openAuthority: refuse,
  runController: refuse,
  runCluster: refuse,
  version: { version: "1.2.3", runtime: "test" },
};

describe("the command line", () => {
  const runtime = mkdtempSync(join(tmpdir(), "osm-cli-"));
  const kept = process.env["XDG_RUNTIME_DIR"];
  let terminal: Terminal;

  before(() => {
    process.env["XDG_RUNTIME_DIR"] = runtime;
  });
  after(() => {
    if (kept === undefined) delete process.env["XDG_RUNTIME_DIR"];
    else process.env["XDG_RUNTIME_DIR"] = kept;
    rmSync(runtime, { recursive: true, force: true });
  });
  beforeEach(() => {
    terminal = captureTerminal();
  });
  afterEach(() => terminal.release());

  const run = (...args: string[]): Promise<number> => runProgram(DEPS, ["bun", "osm", ...args]);

  it("prints its version, for people and for programs", async () => {
    assert.equal(await run("version"), 0);
    assert.equal(terminal.out, "osm 1.2.3 (test)\n");
    terminal.out = "";
    assert.equal(await run("version", "--json"), 0);
    assert.deepEqual(JSON.parse(terminal.out), { version: "1.2.3", runtime: "test" });
  });

  it("ends with 2 where the arguments make no sense", async () => {
    assert.equal(await run("local", "fly"), 2);
    assert.match(terminal.err, /unknown command 'fly'/);
    assert.equal(await run("local", "up"), 2);
    assert.equal(await run("local", "logs", "a/b", "--tail", "x"), 2);
    assert.match(terminal.err, /a number of lines/);
    assert.equal(await run("local", "up", "x", "--control-plane", "none"), 2);
  });

  it("ends with 3 where no mesh runs, and says how to start one", async () => {
    for (const args of [["status"], ["exec", "a/b", "--", "true"], ["logs", "a/b"]]) {
      terminal.err = "";
      assert.equal(await run("local", ...args), 3);
      assert.match(terminal.err, /^osm: no mesh runs in .*: start one with `osm local up DIR`\n$/);
    }
  });

  it("takes down what does not run without complaint", async () => {
    assert.equal(await run("local", "down", "--name", "none"), 0);
    assert.match(terminal.err, /mesh none does not run/);
  });

  it("names what is wrong with a directory, a name and a file", async () => {
    assert.equal(await run("local", "up", join(runtime, "none")), 1);
    assert.match(terminal.err, /none is not a directory/);
    assert.equal(await run("local", "status", "--name", "A b"), 1);
    assert.match(terminal.err, /"A b" is no name for a mesh/);
    assert.equal(await run("local", "apply", "-f", join(runtime, "none.yaml")), 1);
    assert.match(terminal.err, /none\.yaml cannot be read/);
  });
});

describe("osmArgv", () => {
  it("starts a compiled executable alone and a script with what runs it", () => {
    assert.deepEqual(osmArgv(["osm", "/$bunfs/root/osm", "local"]), [process.execPath]);
    const [program, ...rest] = osmArgv(["bun", "/src/main.ts", "local"]);
    assert.equal(program, process.execPath);
    assert.equal(rest.at(-1), "/src/main.ts");
  });
});

describe("tables", () => {
  it("line up and end without blanks", () => {
    assert.deepEqual(
      tableLines(
        ["A", "LONG"],
        [
          ["xyz", ""],
          ["y", "1"],
        ],
      ),
      ["A    LONG", "xyz", "y    1"],
    );
  });

  it("spell ages as kubectl does", () => {
    const ages = [-5, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map(ageText);
    assert.deepEqual(ages, ["0s", "119s", "2m", "119m", "2h", "2d"]);
  });
});

describe("statusLines", () => {
  const container = {
    name: "app",
    kind: "app" as const,
    state: "running" as const,
    ready: true,
    restarts: 0,
    message: "",
  };
  const status: MeshStatus = {
    directory: "/d",
    stateDir: "/s",
    controlPlane: { mode: "external", restarts: 2, connected: 0 },
    pods: [
      {
        namespace: "shop",
        name: "web-1",
        uid: "u",
        owner: "Deployment/web",
        labels: {},
        ip: "10.244.0.10",
        hostname: "web-1",
        serviceAccount: "default",
        phase: "Running",
        ready: false,
        terminating: false,
        restarts: 3,
        createdAt: 0,
        message: "app: HTTP 503",
        warnings: [],
        containers: [
          { ...container, ready: false },
          { ...container, name: "envoy", kind: "sidecar" },
        ],
        proxy: { uuid: "x", connected: true, inSync: false },
      },
    ],
    services: [{ namespace: "shop", name: "web", ports: ["80/TCP"], endpoints: 0 }],
    findings: [{ severity: "error", text: "a.yaml:1: broken" }],
  };

  it("shows what is down, not ready and wrong", () => {
    assert.deepEqual(statusLines(status, 5000), [
      "directory      /d",
      "control plane  external, down, restarted 2 times; 0 of 1 proxies connected",
      "",
      "NAMESPACE  POD    READY  STATUS                  RESTARTS  IP           SIDECAR    AGE",
      "shop       web-1  1/2    Running: app: HTTP 503  3         10.244.0.10  connected  5s",
      "",
      "NAMESPACE  SERVICE  CLUSTER-IP  PORTS   ENDPOINTS",
      "shop       web      None        80/TCP  0",
      "",
      "a.yaml:1: broken",
    ]);
  });
});

describe("readHandshakes", () => {
  it("adds those of listeners alone", () => {
    const text = [
      "# TYPE envoy_listener_ssl_handshake counter",
      'envoy_listener_ssl_handshake{envoy_listener_address="0.0.0.0_15003"} 4',
      'envoy_listener_ssl_handshake{envoy_listener_address="0.0.0.0_15010"} 1',
      'envoy_cluster_ssl_handshake{envoy_cluster_name="x"} 7',
    ].join("\n");
    assert.equal(readHandshakes(text), 5);
    assert.equal(readHandshakes(""), 0);
  });
});
