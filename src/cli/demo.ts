/**
 * `osm demo`: the bookstore on this machine, in a mesh of real Envoys.
 *
 * @module
 */
import { Command } from "commander";
import type { LocalMeshes } from "../demo/ports.ts";
import { type DemoInput, runDemo } from "../demo/run.ts";
import { lineScreen, type Screen, terminalScreen } from "../demo/screen.ts";
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
  return new Command("demo")
    .description("run the bookstore on this machine and watch the mesh work")
    .option("--seconds <number>", "stop this long after everything is ready", parseAmount)
    .option("--json", "print the outcome as one JSON object on the last line; all else goes to stderr")
    .addCommand(demoAppCommand())
    .action(async ({ seconds, json }: DemoFlags) => {
      const stop = stopSignal();
      try {
        const terminal = json !== true && process.stdout.isTTY;
        const note = (line: string): void => console.error(line);
        const hint = terminal ? () => undefined : json === true ? note : (line: string) => console.log(line);
        const duration = seconds === undefined ? undefined : seconds * 1000;
        const input: DemoInput = {
          meshes,
          duration,
          openScreen: screenFor(terminal, hint),
          log: note,
          hint,
          signal: stop.signal,
        };
        const report = await runDemo(input);
        if (report !== undefined && (json === true || duration !== undefined)) console.log(JSON.stringify(report));
        if (report === undefined && duration !== undefined) process.exitCode = INTERRUPTED;
      } finally {
        stop.release();
      }
    });
}

function screenFor(terminal: boolean, write: (line: string) => void): DemoInput["openScreen"] {
  return (onKey): Screen =>
    terminal ? terminalScreen({ input: process.stdin, output: process.stdout }, onKey) : lineScreen(write);
}
