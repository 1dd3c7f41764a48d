/**
 * The command line: which commands there are, and what becomes of errors.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { MeshDown } from "../local/cluster/api-client.ts";
import type { ClusterDeps } from "../local/cluster/ports.ts";
import { alphaCommand, certificateCommand } from "./certificate.ts";
import { type ControllerCommands, controllerCommand } from "./controller.ts";
import { demoCommand } from "./demo.ts";
import { applyCommand, deleteCommand } from "./local-apply.ts";
import { downCommand } from "./local-down.ts";
import { execCommand } from "./local-exec.ts";
import { logsCommand } from "./local-logs.ts";
import { localMeshes } from "./local-meshes.ts";
import { statusCommand } from "./local-status.ts";
import { upCommand } from "./local-up.ts";
import { type VersionInfo, versionCommand } from "./version.ts";

export interface ProgramDeps extends ClusterDeps, ControllerCommands {
  readonly version: VersionInfo;
}

/** What a command that could not do its work ends with. */
const FAILED = 1;
/** The arguments make no sense. */
const MISUSED = 2;
/** There is no mesh to ask. */
const NOT_RUNNING = 3;

export function buildProgram(deps: ProgramDeps): Command {
  return new Command("osm")
    .description("a service mesh in one executable")
    .enablePositionalOptions()
    .showHelpAfterError("(--help says more)")
    .addCommand(localCommand(deps))
    .addCommand(demoCommand(localMeshes()))
    .addCommand(controllerCommand(deps))
    .addCommand(certificateCommand())
    .addCommand(alphaCommand())
    .addCommand(versionCommand(deps.version));
}

/** Runs one command line; `argv` as `process.argv`. Errors are worded on standard error. Returns the exit code. */
export async function runProgram(deps: ProgramDeps, argv: readonly string[]): Promise<number> {
  const program = throwInsteadOfExit(buildProgram(deps));
  try {
    await program.parseAsync([...argv]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED;
    console.error(`osm: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof MeshDown ? NOT_RUNNING : FAILED;
  }
}

function localCommand(deps: ClusterDeps): Command {
  return new Command("local")
    .description("a mesh on this machine, without a cluster")
    .enablePositionalOptions()
    .addCommand(upCommand(deps))
    .addCommand(downCommand())
    .addCommand(statusCommand())
    .addCommand(applyCommand())
    .addCommand(deleteCommand())
    .addCommand(execCommand())
    .addCommand(logsCommand());
}

function throwInsteadOfExit(command: Command): Command {
  command.exitOverride();
  for (const one of command.commands) throwInsteadOfExit(one);
  return command;
}
