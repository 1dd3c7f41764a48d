/**
 * Where the output of pods lies, and how it stays small.
 *
 * Processes append to their file directly, so that no byte of an access log passes through this process.
 *
 * @module
 */
import { copyFile, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { Millis } from "../../core/base/millis.ts";

/** Bytes at which a log is moved to `<name>.log.1`, over what was there: a container has at most twice as much. */
const LOG_LIMIT_BYTES = 10_000_000;
const CHECK_EVERY: Millis = 5_000;

/** Folder of one pod's logs; stays after the pod, so that a crash can be read. */
function logFolder(
  stateDir: string,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
): string {
  return join(stateDir, "logs", `${pod.namespace}_${pod.name}_${pod.uid}`);
}

/** File of one container's log. */
export function logPath(
  stateDir: string,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  log: string,
): string {
  return join(logFolder(stateDir, pod), `${log}.log`);
}

/** Keeps every log below `stateDir` small, until the returned function is called. */
export function capLogs(stateDir: string, limitBytes = LOG_LIMIT_BYTES): () => void {
  // A failed round is the next round's work; `capOnce` cannot reject.
  const timer = setInterval(() => void capOnce(stateDir, limitBytes), CHECK_EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

/** One round. Files that vanish meanwhile are left alone. */
export async function capOnce(stateDir: string, limitBytes: number): Promise<void> {
  const root = join(stateDir, "logs");
  const names = await readdir(root, { recursive: true }).catch(() => []);
  for (const name of names.filter((path) => path.endsWith(".log"))) {
    await capFile(join(root, name), limitBytes).catch(() => undefined);
  }
}

// Copied and cut, not renamed: the processes hold the file open for appending, and go on at its new end.
async function capFile(path: string, limitBytes: number): Promise<void> {
  if ((await stat(path)).size <= limitBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
}
