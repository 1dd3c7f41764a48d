/**
 * Finds host programs: on PATH, then where administrators' programs live, which a user's PATH often leaves out.
 *
 * @module
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

const ADMIN_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin"];

/** The absolute path of `program`, or undefined. `path` defaults to the environment's PATH. */
export function findProgram(program: string, path: string = process.env["PATH"] ?? ""): string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => isAbsolute(folder)), ...ADMIN_FOLDERS];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

/** Whether `path` is a file that this user may execute. Follows links. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where fetched tools are kept: `$XDG_CACHE_HOME/osm`, by default `~/.cache/osm`. May not exist yet. */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "osm");
}
