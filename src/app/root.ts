/**
 * The root of trust of a mesh on one machine: the Secret `osm-ca-bundle` as a folder of three files.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromSecretData, makeRoot, type RootMaterial, toSecretData } from "../ca/providers/builtin.ts";

/**
 * Reads the root from `folder`, or makes one and keeps it there, readable for its owner alone.
 *
 * @throws Error if there is none, and none may be made.
 */
export async function openRoot(folder: string, { make = true } = {}): Promise<RootMaterial> {
  const known = readRoot(folder);
  if (known !== undefined) return known;
  if (!make) throw new Error(`${folder} holds no root: put its ca.crt and private.key back`);
  const root = await makeRoot({ now: Date.now() });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The certificate last: where it stands, the key does too, also after a crash between the two.
  const data = Object.entries(await toSecretData(root)).sort(
    ([a], [b]) => Number(a === "ca.crt") - Number(b === "ca.crt"),
  );
  for (const [name, text] of data) {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return root;
}

/** The certificate first: without it, what is left after a crash is no root. @returns the files that are gone. */
export function removeRoot(folder: string): readonly string[] {
  const files = ["ca.crt", "private.key", "expiration"]
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path));
  for (const path of files) rmSync(path);
  return files;
}

function readRoot(folder: string): RootMaterial | undefined {
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  try {
    return fromSecretData({ "ca.crt": read("ca.crt"), "private.key": read("private.key") });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
