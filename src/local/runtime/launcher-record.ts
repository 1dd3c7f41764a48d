/**
 * `launcher.json`: which processes of the host are this machine, so that another command can find them.
 *
 * A process id alone proves nothing, since ids are used again: an id counts only with the instant of its start.
 *
 * @module
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

const HostProcess = v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(2)), startTicks: v.string() });
/** A process of the host. `startTicks`: field 22 of `/proc/<pid>/stat`, clock ticks since boot. */
export type HostProcess = v.InferOutput<typeof HostProcess>;

const LauncherRecord = v.object({
  /** Tells a record of before the last boot. */
  bootId: v.string(),
  rootless: v.boolean(),
  /** The process in the user's terminal. */
  outer: HostProcess,
  /** The rest is absent while the machine is starting. This one made the namespaces and ends with them. */
  launcher: v.optional(HostProcess),
  /** The first process inside: when it ends the kernel ends all others. */
  init: v.optional(HostProcess),
  /** The program inside that answers to a stop request. */
  main: v.optional(HostProcess),
});
export type LauncherRecord = v.InferOutput<typeof LauncherRecord>;

/** What the launcher last wrote, or undefined if there is none, or none of this boot. */
export function readLauncher(stateDir: string): LauncherRecord | undefined {
  try {
    const parsed = v.safeParse(LauncherRecord, JSON.parse(readFileSync(recordPath(stateDir), "utf8")));
    return parsed.success && parsed.output.bootId === bootId() ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the first record; returns false if there is a record already. */
export function claimLauncher(stateDir: string, record: Omit<LauncherRecord, "bootId">): boolean {
  try {
    writeFileSync(recordPath(stateDir), toText(record), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Replaces the record. Readers see the old one or the new one. */
export function writeLauncher(stateDir: string, record: Omit<LauncherRecord, "bootId">): void {
  const fresh = `${recordPath(stateDir)}.${process.pid}`;
  writeFileSync(fresh, toText(record));
  renameSync(fresh, recordPath(stateDir));
}

function toText(record: Omit<LauncherRecord, "bootId">): string {
  return `${JSON.stringify({ bootId: bootId(), ...record }, undefined, 2)}\n`;
}

export function removeLauncher(stateDir: string): void {
  rmSync(recordPath(stateDir), { force: true });
}

/** @throws Error if there is no process `pid`. */
export function identify(pid: number): HostProcess {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) throw new Error(`process ${pid} is gone`);
  return { pid, startTicks };
}

/** Whether this very process still lives. A zombie is dead: it holds nothing but its number. */
export function isAlive({ pid, startTicks }: HostProcess): boolean {
  return startTicksOf(pid) === startTicks;
}

/** Sends a signal, unless the process is gone. Returns whether it was there. */
export function signalProcess(target: HostProcess, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Children of a process, oldest first. */
export function childrenOf(pid: number): HostProcess[] {
  return processesWith(1, pid);
}

/** Members of the process group that `leader` leads, oldest first. */
export function groupOf(leader: number): HostProcess[] {
  return processesWith(2, leader);
}

/** `field` counts from the process's state, which is 0. */
function processesWith(field: number, value: number): HostProcess[] {
  const found = readdirSync("/proc").flatMap((name) => {
    const fields = /^\d+$/.test(name) ? statFields(Number(name)) : undefined;
    const startTicks = fields?.[19];
    return fields?.[field] === String(value) && startTicks !== undefined ? [{ pid: Number(name), startTicks }] : [];
  });
  return found.sort((a, b) => Number(a.startTicks) - Number(b.startTicks) || a.pid - b.pid);
}

function startTicksOf(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields?.[0] === "Z" || fields?.[0] === "X" ? undefined : fields?.[19];
}

/** The fields after the command, which is in parentheses and may hold anything, spaces and parentheses included. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function recordPath(stateDir: string): string {
  return join(stateDir, "launcher.json");
}
