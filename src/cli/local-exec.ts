/**
 * `osm local exec NAMESPACE/POD -- COMMAND…`: runs a command in a pod, on this terminal.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { Command } from "commander";
import { meshClient } from "../local/cluster/api-client.ts";
import { statePaths } from "../local/cluster/state-dir.ts";
import { readLauncher } from "../local/runtime/launcher-record.ts";
import { execArgv } from "../local/runtime/pod-argv.ts";
import { systemTools } from "../local/tools/system.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";

interface ExecFlags extends MeshFlags {
  readonly container?: string;
}

export function execCommand(): Command {
  return new Command("exec")
    .description("run a command in a pod; its exit code becomes this command's")
    .argument("<pod>", "NAMESPACE/POD, or NAMESPACE/WORKLOAD for its first ready pod")
    .argument("<command...>", "after --")
    .option("-c, --container <name>", "whose environment and user; the first by default, envoy is the sidecar")
    .addOption(meshNameOption())
    .action(async (pod: string, command: string[], { name, container }: ExecFlags) => {
      const paths = statePaths(name);
      const plan = await meshClient(paths).exec(pod, container);
      const record = readLauncher(paths.dir);
      if (record?.init === undefined) throw new Error(`mesh ${name} is just starting or stopping`);
      const terminal = process.env["TERM"];
      const argv = execArgv(systemTools(), {
        init: record.init.pid,
        rootless: record.rootless,
        pid: plan.pid,
        env: { ...(terminal === undefined ? {} : { TERM: terminal }), ...plan.env },
        program: {
          argv: command,
          ...(plan.uid === undefined ? {} : { uid: plan.uid }),
          ...(plan.cwd === undefined ? {} : { cwd: plan.cwd }),
        },
      });
      process.exitCode = await runHere(argv);
    });
}

/** Runs with this terminal. Ctrl-C reaches the program itself, which decides what it means. */
function runHere([program = "", ...args]: readonly string[]): Promise<number> {
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", cwd: "/" });
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 143)));
  }).finally(() => process.off("SIGINT", ignore));
}
