/**
 * `osm demo`: the bookstore on this machine, in a mesh of real Envoys.
 *
 * @module
 */
import { Command } from "commander";
import type { LocalMeshes } from "../demo/ports.ts";
import { type DemoReport, reportLines } from "../demo/report.ts";
import { type DemoInput, runDemo } from "../demo/run.ts";
import { lineScreen, terminalScreen } from "../demo/screen.ts";
import { demoAppCommand, parseAmount } from "./demo-app.ts";
import { stopSignal } from "./stop-signal.ts";

interface DemoFlags {
  readonly seconds?: number;
  readonly json?: true;
}

/** As a shell tells a command that was interrupted. */
const INTERRUPTED = 130;

/** The command, with `osm demo app` below it. Errors are thrown, for the caller to word; nothing is left running then. */
export function demoCommand(meshes: LocalMeshes): Command {
  return (
    new Command("demo")
      .description("run the bookstore on this machine and watch the mesh work")
      // `demo app http-load` has a `--seconds` of its own.
      .enablePositionalOptions()
      .option("--seconds <number>", "stop this long after everything is ready", parseAmount)
      .option("--json", "print the outcome as one JSON object on the last line; all else goes to stderr")
      .addCommand(demoAppCommand())
      .action(async (flags: DemoFlags) => {
        const stop = stopSignal();
        try {
          tellOutcome(flags, await runDemo(demoInput(flags, meshes, stop.signal)));
        } finally {
          stop.release();
        }
      })
  );
}

function demoInput({ seconds, json }: DemoFlags, meshes: LocalMeshes, signal: AbortSignal): DemoInput {
  const log = (line: string): void => console.error(line);
  const duration = seconds === undefined ? undefined : seconds * 1000;
  if (json === true) return { meshes, duration, openScreen: () => lineScreen(log), log, hint: log, signal };
  if (!process.stdout.isTTY) {
    const print = (line: string): void => console.log(line);
    return { meshes, duration, openScreen: () => lineScreen(print), log, hint: print, signal };
  }
  const openScreen: DemoInput["openScreen"] = (onKey) =>
    terminalScreen({ input: process.stdin, output: process.stdout }, onKey);
  return { meshes, duration, openScreen, log, hint: () => undefined, signal };
}

function tellOutcome({ seconds, json }: DemoFlags, report: DemoReport | undefined): void {
  if (report === undefined) {
    if (seconds !== undefined) process.exitCode = INTERRUPTED;
    return;
  }
  if (json === true) console.log(JSON.stringify(report));
  else for (const line of reportLines(report)) console.log(line);
}
