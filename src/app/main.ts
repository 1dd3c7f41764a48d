/**
 * The program.
 *
 * @module
 */
import { runProgram } from "../cli/program.ts";
import { BUILD } from "./version.ts";
import { clusterDeps, runCluster, runController } from "./wire.ts";

const version = { version: BUILD.version, runtime: BUILD.runtime };

// Not awaited at the top: the build keeps the program as bytecode, which halves its start, and that cannot be a module
// that waits. `runProgram` words every error itself and does not reject.
void runProgram({ ...clusterDeps, runController, runCluster, version }, process.argv).then((code) => {
  process.exitCode = code;
});
