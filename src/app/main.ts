/**
 * The program.
 *
 * @module
 */
import manifest from "../../package.json" with { type: "json" };
import { runProgram } from "../cli/program.ts";
import { clusterDeps, runController } from "./wire.ts";

const version = { version: manifest.version, runtime: runtimeName() };

process.exitCode = await runProgram({ ...clusterDeps, runController, version }, process.argv);

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno !== undefined ? `deno ${deno}` : `node ${node ?? "?"}`;
}
