/**
 * The command line that starts a program as the main process of a new machine. Text only.
 *
 * @module
 */

import type { SystemTools } from "../tools/system.ts";
import { ENVOY_UID } from "./ports.ts";

/** Name of the machine's first process, by which `insideMachine` knows it. */
export const INIT_NAME = "osm-machine";

/**
 * Reaps what is orphaned while it waits, which Bun as first process would not, and ends with the program: the kernel
 * then ends every other process of the machine.
 */
const INIT = '"$@"; exit $?';
/** The mapping is written from outside, and only then is this process root in its namespace. */
const WAIT_FOR_MAPPING =
  'until read -r _ < /proc/self/uid_map && read -r _ < /proc/self/gid_map; do sleep 0.01; done; exec "$@"';

/**
 * Own session, so that Ctrl-C reaches the launcher alone, which asks for a graceful stop; killed by the kernel as soon
 * as the launcher dies, and so is all that is inside.
 */
export function enterArgv(
  tools: Pick<SystemTools, "setsid" | "setpriv" | "unshare" | "sh">,
  argv: readonly string[],
  rights: "root" | "rootless",
): string[] {
  const { setsid, setpriv, unshare, sh } = tools;
  const user = rights === "root" ? [] : [unshare, "--user", "--", sh, "-c", WAIT_FOR_MAPPING, "osm-mapping"];
  const death = [setpriv, "--pdeathsig", "KILL", "--"];
  const spaces = [unshare, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
  return [setsid, ...death, ...user, ...death, ...spaces, sh, "-c", INIT, INIT_NAME, ...argv];
}

/** A range of `/etc/subuid` or `/etc/subgid`. */
export interface SubordinateRange {
  readonly start: number;
  readonly count: number;
}

/** The first range of the user that is long enough to hold Envoy's user id. */
export function subordinateRange(
  text: string,
  user: { readonly name: string; readonly id: number },
): SubordinateRange | undefined {
  return text
    .split("\n")
    .map((line) => line.trim().split(":"))
    .filter(([owner]) => owner === user.name || owner === String(user.id))
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .find(({ start, count }) => Number.isInteger(start) && count >= ENVOY_UID);
}

/** Arguments of `newuidmap` and `newgidmap`: the user is root inside, the range is everybody else. */
export function mappingArgs(pid: number, own: number, { start, count }: SubordinateRange): string[] {
  const most = Math.min(count, 65_535);
  return [pid, 0, own, 1, 1, start, most].map(String);
}
