/**
 * The host programs that the machine is made with, found once.
 *
 * @module
 */
import { fetchedTool } from "./debian.ts";
import { findProgram } from "./find.ts";

/** Each is the beginning of an argv: a path, or `env NAME=VALUE… PATH…` for a program fetched into the cache. */
export interface SystemTools {
  readonly sh: string;
  readonly setsid: string;
  readonly setpriv: string;
  readonly unshare: string;
  readonly nsenter: string;
  readonly ip: readonly string[];
  /** Which variants of iptables-restore there are, in the order in which to try them in this kernel. */
  readonly iptablesRestore: readonly (readonly string[])[];
}

const IPTABLES_VARIANTS = ["iptables-restore", "iptables-nft-restore", "iptables-legacy-restore"];

/**
 * @throws Error naming the first program that is neither installed nor in the cache.
 */
export function systemTools(): SystemTools {
  return {
    sh: needed("sh"),
    setsid: needed("setsid"),
    setpriv: needed("setpriv"),
    unshare: needed("unshare"),
    nsenter: needed("nsenter"),
    ip: ipTool() ?? [needed("ip")],
    iptablesRestore: iptablesTools(),
  };
}

/** `ip` of iproute2, installed or fetched. */
export function ipTool(): readonly string[] | undefined {
  const installed = findProgram("ip");
  return installed !== undefined ? [installed] : fetchedTool("ip");
}

/** Installed variants, or else the fetched one. Empty if there are none. */
export function iptablesTools(): readonly (readonly string[])[] {
  const installed = IPTABLES_VARIANTS.flatMap((name) => findProgram(name) ?? []);
  if (installed.length > 0) return installed.map((path) => [path]);
  return IPTABLES_VARIANTS.flatMap((name) => {
    const tool = fetchedTool(name);
    return tool === undefined ? [] : [tool];
  });
}

function needed(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is not installed: it is part of util-linux or iproute2`);
  return path;
}
