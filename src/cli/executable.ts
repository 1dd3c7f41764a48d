/**
 * How to start this very program again: compiled, or from source under Bun or Deno.
 *
 * @module
 */

/** Where Bun keeps the script of a compiled executable; no path of a disk starts with it. */
const EMBEDDED = "/$bunfs/";

/** The argv that starts `osm`, without arguments. */
export function osmArgv(argv: readonly string[] = process.argv): readonly string[] {
  const script = argv[1];
  if (script === undefined || script.startsWith(EMBEDDED)) return [process.execPath];
  return "Deno" in globalThis ? [process.execPath, "run", "-A", script] : [process.execPath, script];
}
