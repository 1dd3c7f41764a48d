/**
 * One process of a pod: started, waited for, stopped with all its children.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Millis } from "../../core/base/millis.ts";
import { groupOf, signalProcess } from "./launcher-record.ts";
import type { ProcessExit, RunningProcess } from "./ports.ts";

const POLL: Millis = 25;
/** What a shell answers for a program that cannot be started. */
const NOT_STARTED = 126;

export interface StartOptions {
  /** Whole command line, with an absolute program that leads its own session (`setsid`). */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The first process only waits for the program and ends as it did (`nsenter`): SIGTERM is for its children. */
  readonly relayed?: boolean;
  /** File that standard output and error are appended to; absent: they are dropped. */
  readonly logFile?: string;
}

/** Starts the process. Never throws: a refusal of the system is an exit with 126 and a line in the log. */
export function startProcess({ argv, env, logFile, relayed = false }: StartOptions): RunningProcess {
  const [program = "", ...args] = argv;
  const log = logFile === undefined ? undefined : openLog(logFile);
  let child: ChildProcess;
  try {
    child = spawn(program, args, { env, cwd: "/", stdio: ["ignore", log ?? "ignore", log ?? "ignore"] });
  } catch (error) {
    return neverStarted(error, logFile);
  } finally {
    // The child has its own copy.
    if (log !== undefined) closeSync(log);
  }
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", (error) => resolve(neverStarted(error, logFile).exited));
  });
  return supervise(child.pid, exited, relayed ? askChildren : askGroup);
}

function supervise(
  pid: number | undefined,
  exited: Promise<ProcessExit>,
  ask: (leader: number) => void,
): RunningProcess {
  if (pid === undefined) return { pid: 0, exited, stop: async () => void (await exited) };
  let over = false;
  let stopping: Promise<void> | undefined;
  // A container ends with its first process: what that one left running would answer for it otherwise.
  const ended = exited.then((exit) => {
    if (!stopping) signalGroup(pid, "SIGKILL");
    over = true;
    return exit;
  });
  const stop = async (grace: Millis): Promise<void> => {
    const deadline = Date.now() + grace;
    ask(pid);
    while (Date.now() < deadline && signalGroup(pid, 0)) await sleep(POLL);
    signalGroup(pid, "SIGKILL");
    await ended;
  };
  return {
    pid,
    exited: ended,
    stop: (grace) => {
      if (over && stopping === undefined) return Promise.resolve();
      stopping ??= stop(grace);
      return stopping;
    },
  };
}

function askGroup(leader: number): void {
  signalGroup(leader, "SIGTERM");
}

/** The group without its leader, whose death would hide how the program ended. */
function askChildren(leader: number): void {
  for (const one of groupOf(leader)) if (one.pid !== leader) signalProcess(one, "SIGTERM");
}

/** Signals the whole group that `leader` leads. Returns whether anybody was there. 0 only asks. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

function openLog(logFile: string): number {
  mkdirSync(dirname(logFile), { recursive: true });
  return openSync(logFile, "a", 0o644);
}

function neverStarted(error: unknown, logFile: string | undefined): RunningProcess {
  const why = error instanceof Error ? error.message : String(error);
  if (logFile !== undefined) appendFileSync(logFile, `osm: the process could not be started: ${why}\n`);
  const exited = Promise.resolve({ code: NOT_STARTED, signal: null });
  return { pid: 0, exited, stop: () => Promise.resolve() };
}
