/**
 * Programs of `test/support` as commands of pods.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUN = join(HERE, "../../node_modules/.bin/bun");

/** @param name - A file of this folder. */
export function script(name: string, ...args: readonly string[]): readonly string[] {
  return [BUN, join(HERE, name), ...args];
}
