/**
 * Tar archives that depend on their content alone: sorted, with no owner and no time.
 *
 * @module
 */
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

export type Entry =
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly kind: "folder"; readonly mode: number }
  | { readonly kind: "link"; readonly to: string };

/** By path, with no slash at either end. */
export type Entries = ReadonlyMap<string, Entry>;

const EPOCH = new Date(0);

export async function tarball(entries: Entries): Promise<Buffer> {
  const stream = pack();
  for (const name of [...entries.keys()].sort()) {
    const entry = entries.get(name);
    const owner = { mtime: EPOCH, uid: 0, gid: 0, uname: "", gname: "" };
    if (entry?.kind === "folder") stream.entry({ ...owner, name: `${name}/`, type: "directory", mode: entry.mode });
    if (entry?.kind === "link") stream.entry({ ...owner, name, type: "symlink", linkname: entry.to, mode: 0o777 });
    if (entry?.kind === "file") stream.entry({ ...owner, name, mode: entry.mode }, Buffer.from(entry.bytes));
  }
  stream.finalize();
  return await buffer(stream);
}
