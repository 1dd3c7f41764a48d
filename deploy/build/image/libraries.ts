/**
 * Which shared libraries programs are linked with, by asking the loader of this machine.
 *
 * @module
 */
import { runCommand } from "../../../src/local/tools/command.ts";

/**
 * Absolute paths of the libraries and of the loader itself, sorted.
 *
 * @param folders - Looked in before the system's own.
 * @throws Error naming a library that is not there.
 */
export async function linkedLibraries(programs: readonly string[], folders: readonly string[] = []): Promise<string[]> {
  const said = await runCommand(["ldd", ...programs], { env: { LD_LIBRARY_PATH: folders.join(":") } });
  return parseLdd(said);
}

/** Reads lines such as `libc.so.6 => /lib/libc.so.6 (0x7f…)` and `/lib64/ld-linux-x86-64.so.2 (0x7f…)`. */
export function parseLdd(output: string): string[] {
  const missing = [...output.matchAll(/(\S+) => not found/g)].map(([, name]) => name);
  if (missing.length > 0) throw new Error(`libraries are missing on this machine: ${missing.join(", ")}`);
  const found = [...output.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path]) => path ?? "");
  return [...new Set(found)].sort();
}
