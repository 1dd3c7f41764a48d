/**
 * Process ids of a machine as the host counts them.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The host's id of the process that is `inner` in the process namespace of the host's process `member`.
 *
 * @returns undefined if there is none, or if this user may not look.
 */
export function findHostPid(inner: number, member: number): number | undefined {
  const space = spaceOf(member);
  if (space === undefined) return undefined;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).find((pid) => innermostId(pid) === inner && spaceOf(pid) === space);
}

function spaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function innermostId(pid: number): number | undefined {
  try {
    const line = /^NSpid:\s*(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(line?.[1]?.trim().split(/\s+/).at(-1));
  } catch {
    return undefined;
  }
}
