/**
 * Runs one host program to its end and reports what it said.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { Millis } from "../../core/base/millis.ts";

const DEFAULT_TIMEOUT: Millis = 60_000;
/** Enough to name what went wrong; a tool gone wild must not fill the memory. */
const OUTPUT_LIMIT = 1_000_000;

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeout?: Millis;
}

export interface CommandResult {
  /** 128 plus nothing: null if a signal (or the timeout) ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that could not be started, or that answered with a code other than 0. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

/**
 * Runs `argv` and returns its standard output.
 *
 * @throws CommandFailed with the command and what it wrote to standard error.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(argv, options);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim() || "no message").split("\n").slice(-5).join("; ");
  throw new CommandFailed(`${argv.slice(0, 4).join(" ")} ended with ${code ?? "a signal or its time limit"}: ${said}`);
}

/**
 * Runs `argv` and returns how it ended, whatever its code.
 *
 * @throws CommandFailed only if the program cannot be started at all.
 */
export function tryCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const env = options.env === undefined ? process.env : { ...process.env, ...options.env };
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? DEFAULT_TIMEOUT);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (stdout.length < OUTPUT_LIMIT) stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr.length < OUTPUT_LIMIT) stderr += text;
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(new CommandFailed(`${program}: ${error.message}`, { cause: error }));
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    // A program that ends without reading its input closes the pipe; its exit code is the answer then.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}
