/**
 * Puts a program into a machine of its own, and gets rid of machines that were left behind.
 *
 * Nothing is ever made in the host's network: network, mounts and processes are private, and the kernel frees them
 * with the last process, however it ended.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readlinkSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Millis } from "../../core/base/millis.ts";
import { runCommand } from "../tools/command.ts";
import { findProgram } from "../tools/find.ts";
import { systemTools } from "../tools/system.ts";
import { enterArgv, INIT_NAME, mappingArgs, subordinateRange } from "./enter-argv.ts";
import {
  childrenOf,
  claimLauncher,
  type HostProcess,
  identify,
  isAlive,
  type LauncherRecord,
  readLauncher,
  removeLauncher,
  signalProcess,
  writeLauncher,
} from "./launcher-record.ts";

const MARK = "OSM_LOCAL_MACHINE";
const START_TIMEOUT: Millis = 10_000;
const KILL_TIMEOUT: Millis = 10_000;
const POLL: Millis = 10;

/** Whether this process is the main program of a machine. Processes of its pods are not. */
export function insideMachine(): boolean {
  if (process.env[MARK] === undefined) return false;
  return readFileSync("/proc/1/cmdline", "utf8").split("\0").includes(INIT_NAME);
}

/**
 * Runs `argv` as the main program of a new machine, in the foreground, and waits for its end.
 *
 * SIGINT, SIGTERM and SIGHUP become a SIGTERM to the program; a second one ends the machine at once.
 *
 * @param argv - An absolute program with its arguments.
 * @param stateDir - Absolute path of an existing folder that belongs to this machine alone.
 * @returns The program's exit code, or 128 and the signal's number.
 * @throws Error if a machine runs with this folder already, or if the namespaces cannot be made.
 */
export async function enterMachine(argv: readonly string[], stateDir: string): Promise<number> {
  const rootless = process.getuid?.() !== 0;
  const outer = identify(process.pid);
  await claim(stateDir, { rootless, outer });
  try {
    const [program = "", ...args] = enterArgv(systemTools(), argv, rootless ? "rootless" : "root");
    const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, [MARK]: stateDir } });
    const ended = endOf(child);
    const stopForwarding = forwardSignals(stateDir, child);
    try {
      await recordStart(child, ended, (found) => writeLauncher(stateDir, { rootless, outer, ...found }), rootless);
      const code = await ended;
      // The launcher may be gone a moment before what it started.
      const init = readLauncher(stateDir)?.init;
      await waitUntil(() => init === undefined || !isAlive(init), KILL_TIMEOUT);
      return code;
    } finally {
      stopForwarding();
    }
  } finally {
    removeLauncher(stateDir);
  }
}

/**
 * Asks a running machine to stop, and ends it by force after `grace`. Nothing of it is left when this returns.
 *
 * @returns false if there was nothing to stop.
 */
export async function stopMachine(stateDir: string, grace: Millis): Promise<boolean> {
  const record = readLauncher(stateDir);
  if (record !== undefined && signalProcess(record.outer, "SIGTERM")) {
    const gone = await waitUntil(() => !isAlive(record.outer), grace);
    if (gone && processesOf(record).every((one) => !isAlive(one))) return true;
  }
  return await killLeftovers(stateDir);
}

/**
 * Kills what is left of a machine, whatever happened to its launcher, and removes its record and its pods' folders.
 *
 * @returns whether any process was killed.
 * @throws Error if a process does not end.
 */
export async function killLeftovers(stateDir: string): Promise<boolean> {
  const record = readLauncher(stateDir);
  const processes = record === undefined ? [] : processesOf(record).filter(({ pid }) => pid !== process.pid);
  const killed = processes.map((one) => signalProcess(one, "SIGKILL"));
  const gone = await waitUntil(() => processes.every((one) => !isAlive(one)), KILL_TIMEOUT);
  if (!gone) throw new Error(`processes ${processes.map(({ pid }) => pid).join(", ")} of ${stateDir} do not end`);
  removeLauncher(stateDir);
  rmSync(join(stateDir, "machine"), { recursive: true, force: true });
  return killed.includes(true);
}

// The first process inside comes first: with it the kernel ends all that is inside.
function processesOf({ init, launcher, outer }: LauncherRecord): HostProcess[] {
  return [init, launcher, outer].filter((one) => one !== undefined);
}

async function claim(stateDir: string, record: Pick<LauncherRecord, "rootless" | "outer">): Promise<void> {
  if (claimLauncher(stateDir, record)) return;
  const other = readLauncher(stateDir);
  if (other !== undefined && isAlive(other.outer)) {
    throw new Error(
      `a machine runs with ${stateDir} already (process ${other.outer.pid}): stop it with \`osm local down\``,
    );
  }
  await killLeftovers(stateDir);
  if (!claimLauncher(stateDir, record)) throw new Error(`another start is under way with ${stateDir}`);
}

async function recordStart(
  child: ChildProcess,
  ended: Promise<number>,
  write: (found: Pick<LauncherRecord, "launcher" | "init" | "main">) => void,
  rootless: boolean,
): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return; // `ended` rejects with the reason
  let over = false;
  const finish = (): void => {
    over = true;
  };
  void ended.then(finish, finish);
  try {
    write({ launcher: identify(pid) });
    if (rootless) await mapUsers(pid, () => over);
    const init = await firstChild(pid, () => over);
    const main = init && (await firstChild(init.pid, () => over));
    // A program that is over before it was seen needs no record.
    if (init !== undefined && main !== undefined) write({ launcher: identify(pid), init, main });
  } catch (error) {
    if (over) return;
    child.kill("SIGKILL");
    throw error;
  }
}

/** Root inside is the user; the others, Envoy's among them, are the user's subordinate ids. */
async function mapUsers(pid: number, over: () => boolean): Promise<void> {
  const own = namespaceOf(process.pid, "user");
  await waitUntil(() => over() || ![own, undefined].includes(namespaceOf(pid, "user")), START_TIMEOUT);
  if (over()) return;
  const { username, uid, gid } = userInfo();
  for (const [tool, file, id] of [
    ["newuidmap", "/etc/subuid", uid],
    ["newgidmap", "/etc/subgid", gid],
  ] as const) {
    const range = subordinateRange(readFileSync(file, "utf8"), { name: username, id: uid });
    if (range === undefined) throw new Error(`${file} holds no range of at least 1500 ids for ${username}`);
    await runCommand([findProgram(tool) ?? tool, ...mappingArgs(pid, id, range)]);
  }
}

/** The link that names a namespace, or undefined if the process is gone or not ours to look at. */
function namespaceOf(pid: number, kind: "user" | "pid"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** Unlike what the launcher runs while it waits, the machine's processes are in a process namespace of their own. */
async function firstChild(pid: number, over: () => boolean): Promise<HostProcess | undefined> {
  const own = namespaceOf(process.pid, "pid");
  let child: HostProcess | undefined;
  await waitUntil(() => {
    child = childrenOf(pid).find((one) => ![own, undefined].includes(namespaceOf(one.pid, "pid")));
    return child !== undefined || over();
  }, START_TIMEOUT);
  return child;
}

function forwardSignals(stateDir: string, child: ChildProcess): () => void {
  let asked = false;
  const stop = (): void => {
    const main = readLauncher(stateDir)?.main;
    // The kernel kills what is inside together with the launcher.
    if (asked || main === undefined || !signalProcess(main, "SIGTERM")) child.kill("SIGKILL");
    asked = true;
  };
  const resize = (): void => {
    const main = readLauncher(stateDir)?.main;
    if (main !== undefined) signalProcess(main, "SIGWINCH");
  };
  const signals = { SIGINT: stop, SIGTERM: stop, SIGHUP: stop, SIGWINCH: resize } as const;
  const entries = Object.entries(signals);
  for (const [signal, listener] of entries) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of entries) process.removeListener(signal, listener);
  };
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`the machine could not be started: ${cause.message}`, { cause })));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15)));
  });
}

async function waitUntil(condition: () => boolean, timeout: Millis): Promise<boolean> {
  const deadline = Date.now() + timeout;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await sleep(POLL);
  }
  return true;
}
