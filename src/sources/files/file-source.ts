/**
 * A directory of manifests as a source of objects.
 *
 * A file that does not parse leaves the last good state of that file in force and is reported with file, line, path and
 * reason. Two files with the same object are reported; the first by path wins.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { type Severity, severityOf } from "../../core/base/finding.ts";
import { compareText, type ObjectRef, refText } from "../../core/base/ref.ts";
import type { Parsed } from "../../core/model/kind.ts";
import type { ObjectSink, ObjectSource } from "../../engine/ports.ts";
import { type Depth, type DirectoryChange, type DirectoryWatch, watchDirectory } from "./directory.ts";
import { type ManifestObject, readManifests } from "./manifests.ts";

export interface FileReport {
  /** Below the directory; "" for the directory itself. */
  readonly file: string;
  readonly line: number;
  readonly path: string;
  readonly reason: string;
  readonly severity: Severity;
}

export interface FileSourceOptions {
  readonly dir: string;
  readonly depth: Depth;
  /** Whether an object can be read. One that cannot keeps its whole file at the last good state. */
  parse(raw: unknown): Parsed<unknown>;
  /** All present reports, sorted by file and line, whenever they change. */
  onReports?(reports: readonly FileReport[]): void;
}

interface FileState {
  readonly objects: readonly ManifestObject[];
  readonly reports: readonly FileReport[];
}

/** `file:line: path: reason`, as compilers and editors spell it. */
export function reportText({ file, line, path, reason, severity }: FileReport): string {
  const note = severity === "warning" ? "warning: " : "";
  return [file === "" ? "" : `${file}:${line}: `, path === "" ? "" : `${path}: `, note, reason].join("");
}

/** Watches `options.dir` from `start` to `stop`. `start` throws if the directory is missing. */
export class FileSource implements ObjectSource {
  readonly #options: FileSourceOptions;
  readonly #files = new Map<string, FileState>();
  #told = new Map<string, { readonly ref: ObjectRef; readonly text: string }>();
  #unreadable: string | undefined;
  #reports: readonly FileReport[] = [];
  #watch: DirectoryWatch | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  async start(sink: ObjectSink): Promise<void> {
    const { dir, depth } = this.#options;
    const info = await stat(dir).catch(() => undefined);
    if (info?.isDirectory() !== true) {
      throw new Error(
        `${dir} ${info === undefined ? "does not exist" : "is not a directory"}: name a directory of manifests`,
      );
    }
    this.#watch = await watchDirectory(dir, depth, {
      changed: (files) => this.#take(files, sink),
      unreadable: (reason) => {
        this.#unreadable = reason;
        this.#refresh(sink);
      },
    });
    this.#take(this.#watch.first, sink);
    sink.synced();
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
  }

  reports(): readonly FileReport[] {
    return this.#reports;
  }

  #take(changes: readonly DirectoryChange[], sink: ObjectSink): void {
    for (const { file, text } of changes) {
      if (text === undefined) this.#files.delete(file);
      else
        this.#files.set(file, readFileState({ file, text, last: this.#files.get(file), parse: this.#options.parse }));
    }
    this.#refresh(sink);
  }

  #refresh(sink: ObjectSink): void {
    const { objects, duplicates } = mergeFiles(this.#files);
    for (const [key, { ref, raw, text }] of objects) {
      if (this.#told.get(key)?.text !== text) sink.apply(raw);
      this.#told.set(key, { ref, text });
    }
    for (const [key, { ref }] of this.#told) {
      if (objects.has(key)) continue;
      this.#told.delete(key);
      sink.remove(ref);
    }
    this.#publish([...[...this.#files.values()].flatMap(({ reports }) => reports), ...duplicates]);
  }

  #publish(found: readonly FileReport[]): void {
    const away: readonly FileReport[] =
      this.#unreadable === undefined
        ? []
        : [
            {
              file: "",
              line: 0,
              path: "",
              reason: `${this.#unreadable}: what was read before stays in force`,
              severity: "error",
            },
          ];
    const reports = [...away, ...found].sort(
      (a, b) => compareText(a.file, b.file) || a.line - b.line || compareText(reportText(a), reportText(b)),
    );
    const changed = JSON.stringify(reports) !== JSON.stringify(this.#reports);
    this.#reports = reports;
    if (changed) this.#options.onReports?.(reports);
  }
}

interface FileReading {
  readonly file: string;
  readonly text: string;
  readonly last: FileState | undefined;
  parse(raw: unknown): Parsed<unknown>;
}

function readFileState({ file, text, last, parse }: FileReading): FileState {
  const { objects, problems } = readManifests(text);
  const good: ManifestObject[] = [];
  const reports: FileReport[] = problems.map((problem) => ({ ...problem, file, severity: "error" }));
  for (const object of objects) {
    const parsed = parse(object.raw);
    if (parsed.ok) good.push(object);
    for (const one of parsed.findings) {
      reports.push({
        file,
        line: object.lineOf(one.path),
        path: one.path,
        reason: one.message,
        severity: severityOf(one),
      });
    }
  }
  const whole = problems.length === 0 && good.length === objects.length;
  // With nothing to fall back on, the good objects of a broken file are better than none.
  return { objects: whole || last === undefined ? good : last.objects, reports };
}

interface Merged {
  readonly objects: ReadonlyMap<string, { readonly ref: ObjectRef; readonly raw: unknown; readonly text: string }>;
  readonly duplicates: readonly FileReport[];
}

function mergeFiles(files: ReadonlyMap<string, FileState>): Merged {
  const objects = new Map<string, { ref: ObjectRef; raw: unknown; text: string; at: string }>();
  const duplicates: FileReport[] = [];
  for (const file of [...files.keys()].sort(compareText)) {
    for (const object of files.get(file)?.objects ?? []) {
      const key = refText(object.ref);
      const first = objects.get(key);
      if (first === undefined) {
        const { ref, raw, line } = object;
        objects.set(key, { ref, raw, text: JSON.stringify(raw), at: `${file}:${line}` });
        continue;
      }
      const reason = `${key} is already in ${first.at}, which wins: remove one of the two`;
      duplicates.push({ file, line: object.line, path: "", reason, severity: "error" });
    }
  }
  return { objects, duplicates };
}
