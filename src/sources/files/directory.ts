/**
 * Looks at a directory of manifest files and tells when a file settled into a new state.
 *
 * Every look compares sizes, times and inodes. The kernel's change events only make the next look come sooner: they
 * differ by runtime, miss new folders, and never reach network file systems, so correctness does not rest on them.
 *
 * @module
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Millis } from "../../core/base/millis.ts";
import { compareText } from "../../core/base/ref.ts";

/** A look without any event from the kernel. With `SETTLE` it bounds the delay of an edit. */
const LOOK_EVERY: Millis = 400;
/** A file counts once it looked the same twice, this far apart: editors truncate, then write; or delete, then rename. */
const SETTLE: Millis = 80;
/** No manifest is larger; a stray video named x.yaml must not fill the memory. */
const MAX_BYTES = 16 * 1024 * 1024;
const MANIFEST = /\.(?:ya?ml|json)$/;

export interface DirectoryChange {
  /** Path below the directory, with `/`. */
  readonly file: string;
  /** undefined: the file is gone. */
  readonly text: string | undefined;
}

export interface DirectoryWatch {
  /** The files at the start, sorted by path. */
  readonly first: readonly DirectoryChange[];
  stop(): Promise<void>;
}

/** Told about the changed files of one look, and about a directory that cannot be read any more. */
export interface DirectoryListener {
  changed(files: readonly DirectoryChange[]): void;
  /** `undefined`: it can be read again. */
  unreadable(reason: string | undefined): void;
}

/** The files of the folder alone, as `kubectl apply -f` takes them, or those of all folders below it too. */
export type Depth = "folder" | "tree";

/**
 * Reads all manifests of `dir` and watches them until stopped.
 *
 * @throws Error if the directory cannot be read at the start.
 */
export async function watchDirectory(dir: string, depth: Depth, listener: DirectoryListener): Promise<DirectoryWatch> {
  const looker = new Looker(dir, depth, listener);
  const first = await looker.readAll();
  looker.start();
  return { first, stop: () => looker.stop() };
}

class Looker {
  readonly #dir: string;
  readonly #depth: Depth;
  readonly #listener: DirectoryListener;
  /** What was told: file → signature. */
  readonly #told = new Map<string, string>();
  /** What the last look saw and was not told yet. */
  #unsettled = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due: Millis = Number.POSITIVE_INFINITY;
  #events: FSWatcher | undefined;
  #running: Promise<void> = Promise.resolve();
  #failure: string | undefined;
  #stopped = false;

  constructor(dir: string, depth: Depth, listener: DirectoryListener) {
    this.#dir = dir;
    this.#depth = depth;
    this.#listener = listener;
  }

  async readAll(): Promise<readonly DirectoryChange[]> {
    const seen = await listFiles(this.#dir, this.#depth);
    return this.#read([...seen].sort(([a], [b]) => compareText(a, b)));
  }

  start(): void {
    try {
      this.#events = watch(this.#dir, { recursive: this.#depth === "tree" }, () => this.#lookIn(SETTLE / 2));
      this.#events.on("error", () => undefined);
    } catch {
      // No events here (inotify limits, odd file systems): looking on a timer is enough.
    }
    this.#lookIn(LOOK_EVERY);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#events?.close();
    await this.#running;
  }

  // The earlier of two appointments stands: events that never cease must not put the look off for ever.
  #lookIn(delay: Millis): void {
    const due = Date.now() + delay;
    if (this.#stopped || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Number.POSITIVE_INFINITY;
      // Cannot reject: `#look` records what goes wrong.
      this.#running = this.#running.then(() => this.#look());
    }, delay);
  }

  async #look(): Promise<void> {
    try {
      const seen = await listFiles(this.#dir, this.#depth);
      const gone = [...this.#told.keys()].filter((file) => !seen.has(file));
      const now: [string, string][] = [...seen, ...gone.map((file): [string, string] => [file, GONE])];
      const changed = now.filter(([file, signature]) => this.#told.get(file) !== signature);
      const settled = changed.filter(([file, signature]) => this.#unsettled.get(file) === signature);
      this.#unsettled = new Map(changed);
      const changes = await this.#read(settled.sort(([a], [b]) => compareText(a, b)));
      this.#report(undefined);
      if (changes.length > 0 && !this.#stopped) this.#listener.changed(changes);
    } catch (cause) {
      // The whole directory is away, perhaps for a moment: what was read stays in force.
      this.#report(cause instanceof Error ? cause.message : String(cause));
    }
    this.#lookIn(this.#unsettled.size > 0 ? SETTLE : LOOK_EVERY);
  }

  async #read(files: readonly (readonly [string, string])[]): Promise<readonly DirectoryChange[]> {
    const changes: DirectoryChange[] = [];
    for (const [file, signature] of files) {
      const text = signature === GONE ? undefined : await readIfUnchanged(join(this.#dir, file), signature);
      if (text === "moving") continue;
      this.#unsettled.delete(file);
      if (signature === GONE) this.#told.delete(file);
      else this.#told.set(file, signature);
      changes.push({ file, text: text?.content });
    }
    return changes;
  }

  #report(reason: string | undefined): void {
    if (reason === this.#failure) return;
    this.#failure = reason;
    this.#listener.unreadable(reason);
  }
}

const GONE = "gone";

async function readIfUnchanged(path: string, signature: string): Promise<{ readonly content: string } | "moving"> {
  try {
    const content = await readFile(path, "utf8");
    return (await signatureOf(path)) === signature ? { content } : "moving";
  } catch {
    return "moving";
  }
}

async function listFiles(dir: string, depth: Depth): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  await listInto(dir, { root: dir, depth, found, seen: new Set() });
  return found;
}

interface Listing {
  readonly root: string;
  readonly depth: Depth;
  readonly found: Map<string, string>;
  /** Real paths of the folders walked: links may lead in a circle. */
  readonly seen: Set<string>;
}

async function listInto(dir: string, listing: Listing): Promise<void> {
  const real = await realpath(dir);
  if (listing.seen.has(real)) return;
  listing.seen.add(real);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    // Dot files are editors' and version control's.
    if (entry.name.startsWith(".")) continue;
    const path = join(dir, entry.name);
    if (MANIFEST.test(entry.name)) await listFile(path, listing);
    else if (listing.depth === "tree" && (entry.isDirectory() || entry.isSymbolicLink())) {
      await listInto(path, listing).catch(ignoreVanished);
    }
  }
}

async function listFile(path: string, { root, found }: Listing): Promise<void> {
  const signature = await signatureOf(path);
  if (signature !== undefined) found.set(relative(root, path), signature);
}

function ignoreVanished(cause: unknown): void {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw cause;
}

/** undefined for what is not a readable regular file of a sane size. */
async function signatureOf(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true || info.size > MAX_BYTES) return undefined;
  return `${info.ino} ${info.size} ${info.mtimeMs} ${info.ctimeMs}`;
}
