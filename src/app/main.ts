/**
 * The program.
 *
 * @module
 */
import { runProgram } from "../cli/program.ts";
import { BUILD } from "./version.ts";
import { clusterDeps, runCluster, runController } from "./wire.ts";

const version = { version: BUILD.version, runtime: BUILD.runtime };

process.exitCode = await runProgram({ ...clusterDeps, runController, runCluster, version }, process.argv);
