/**
 * `osm local up DIR`: a mesh on this machine from a directory of manifests.
 *
 * The command runs twice: outside it makes the machine and starts itself in it; inside it runs the mesh.
 *
 * @module
 */
import { rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import type { ClusterDeps } from "../local/cluster/ports.ts";
import { type MeshRecord, makeStateDir, pathsIn, statePaths } from "../local/cluster/state-dir.ts";
import { runMesh } from "../local/cluster/supervisor.ts";
import { enterMachine, insideMachine } from "../local/runtime/launch.ts";
import { envoyBinary } from "../local/tools/envoy.ts";
import { osmArgv } from "./executable.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";
import { stopSignal } from "./stop-signal.ts";

interface UpFlags extends MeshFlags {
  readonly controlPlane: MeshRecord["controlPlane"];
  readonly recursive?: true;
  /** Given inside the machine alone: without root, this user is another one there, and would look elsewhere. */
  readonly stateDir?: string;
}

const ENVOY_BIN = "ENVOY_BIN";
/** What a mesh that was taken down in order does not leave: its keys, and what was applied by hand. */
const ENDS_WITH_THE_MESH = ["ca", "control-plane", "objects", "applied.json", "mesh.json", "api.sock"];

export function upCommand(deps: ClusterDeps): Command {
  return new Command("up")
    .description("run a directory of Kubernetes manifests in a mesh on this machine, and follow its edits")
    .argument("<dir>", "directory of *.yaml, *.yml and *.json files")
    .addOption(meshNameOption())
    .option("-R, --recursive", "take the folders below too")
    .addOption(
      new Option("--control-plane <mode>", "in this process, or in one of its own that may be killed")
        .choices(["embedded", "external"])
        .default("embedded"),
    )
    .addOption(new Option("--state-dir <dir>").hideHelp())
    .action(async (dir: string, flags: UpFlags) => {
      const directory = resolve(dir);
      process.exitCode = insideMachine() ? await runInside(directory, flags, deps) : await runOutside(directory, flags);
    });
}

async function runOutside(directory: string, { name, controlPlane, recursive }: UpFlags): Promise<number> {
  const info = statSync(directory, { throwIfNoEntry: false });
  if (info?.isDirectory() !== true) throw new Error(`${directory} is not a directory: name one that holds manifests`);
  const paths = statePaths(name);
  makeStateDir(paths);
  try {
    process.env[ENVOY_BIN] = await envoyBinary();
  } catch (cause) {
    say(`no Envoy, so pods in the mesh will not start: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const again = [
    "local",
    "up",
    directory,
    "--state-dir",
    paths.dir,
    "--control-plane",
    controlPlane,
    ...(recursive ? ["-R"] : []),
  ];
  const code = await enterMachine([...osmArgv(), ...again], paths.dir);
  // A mesh that crashed keeps its root and what was applied by hand for the next start.
  if (code === 0)
    for (const file of ENDS_WITH_THE_MESH) rmSync(join(paths.dir, file), { recursive: true, force: true });
  return code;
}

async function runInside(directory: string, flags: UpFlags, deps: ClusterDeps): Promise<number> {
  const { stateDir, controlPlane, recursive } = flags;
  if (stateDir === undefined) throw new Error("a mesh cannot run inside another one's machine");
  const stop = stopSignal();
  try {
    await runMesh({
      paths: pathsIn(stateDir),
      directory,
      depth: recursive ? "tree" : "folder",
      controlPlane,
      osm: osmArgv(),
      envoy: process.env[ENVOY_BIN],
      deps,
      signal: stop.signal,
      say,
    });
    return 0;
  } finally {
    stop.release();
  }
}

function say(line: string): void {
  console.error(line);
}
