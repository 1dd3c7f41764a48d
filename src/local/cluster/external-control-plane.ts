/**
 * The control plane as a process of its own: objects go to it as files, and it says how its proxies are in a file.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Millis } from "../../core/base/millis.ts";
import type { ObjectRef } from "../../core/base/ref.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import type { ControllerState } from "./ports.ts";
import type { ProxyWatch } from "./proxy-ready.ts";
import { isRawObject, refOfRaw } from "./raw-object.ts";
import type { StatePaths } from "./state-dir.ts";

const RESTART_AFTER: Millis = 500;
const LOOK_EVERY: Millis = 100;
const STOP_GRACE: Millis = 3000;
const NOTHING: ControllerState = { proxies: [], findings: [] };

/** Where the controller reports. */
function controllerReportPath(stateDir: string): string {
  return join(stateDir, "control-plane", "report.json");
}

/** Used by the controller: replaces its report. */
export function writeControllerReport(stateDir: string, state: ControllerState): void {
  const path = controllerReportPath(stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Writes each object to `<dir>/<kind>/<namespace or _cluster>.<name>.json`; readers see whole files only. */
export function directorySink(dir: string): ObjectSink {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    apply: (raw) => {
      if (!isRawObject(raw)) return [];
      const path = objectPath(dir, refOfRaw(raw));
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, JSON.stringify(raw), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      return [];
    },
    remove: (ref) => rmSync(objectPath(dir, ref), { force: true }),
    synced: () => undefined,
  };
}

// A name that starts with a dot would be taken for an editor's file and not be read.
function objectPath(dir: string, { kind, namespace, name }: ObjectRef): string {
  const file = `${namespace === "" ? "_cluster" : namespace}.${name}`;
  return join(dir, encodeURIComponent(kind.toLowerCase()), `${encodeURIComponent(file)}.json`);
}

export interface ExternalControlPlane extends ProxyWatch {
  readonly sink: ObjectSink;
  findings(): ControllerState["findings"];
  /** Inside the machine's process namespace; absent while it is down. */
  pid(): number | undefined;
  restarts(): number;
  stop(): Promise<void>;
}

/** Starts the controller with the first object told, and again whenever it ends. */
export function startExternalControlPlane(paths: StatePaths, osm: readonly string[]): ExternalControlPlane {
  const reports = new ReportWatch(controllerReportPath(paths.dir));
  const keeper = new ControllerKeeper(paths, osm, () => reports.forget());
  const sink = directorySink(paths.objects);
  return {
    // Started once it can read all there is: an empty mesh would take every proxy's configuration away.
    sink: { ...sink, synced: () => keeper.start() },
    proxies: () => reports.state().proxies,
    findings: () => reports.state().findings,
    onChange: (listener) => reports.onChange(listener),
    pid: () => keeper.pid(),
    restarts: () => keeper.restarts(),
    stop: async () => {
      reports.stop();
      await keeper.stop();
    },
  };
}

class ControllerKeeper {
  readonly #argv: readonly string[];
  readonly #log: string;
  readonly #onEnd: () => void;
  #child: ChildProcess | undefined;
  #starts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;

  constructor({ dir, objects, controllerLog }: StatePaths, osm: readonly string[], onEnd: () => void) {
    this.#argv = [...osm, "controller", "--objects", objects, "--state", dir];
    this.#log = controllerLog;
    this.#onEnd = onEnd;
  }

  start(): void {
    if (this.#stopping) return;
    mkdirSync(dirname(this.#log), { recursive: true, mode: 0o700 });
    const log = openSync(this.#log, "a", 0o600);
    const [program = "", ...args] = this.#argv;
    const child = spawn(program, args, { stdio: ["ignore", log, log], cwd: "/" });
    closeSync(log);
    this.#child = child;
    this.#starts++;
    const ended = (): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#onEnd();
      if (!this.#stopping) this.#timer = setTimeout(() => this.start(), RESTART_AFTER);
    };
    child.once("exit", ended);
    child.once("error", ended);
  }

  pid(): number | undefined {
    return this.#child?.pid;
  }

  restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE);
    await gone;
    clearTimeout(timer);
  }
}

/** Follows the report file. A look at its time costs next to nothing, and events of renamed files differ by runtime. */
class ReportWatch {
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #signature = "";
  #state = NOTHING;

  constructor(path: string) {
    this.#path = path;
    rmSync(path, { force: true });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
  }

  state(): ControllerState {
    return this.#state;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The controller died: nobody is connected to it. */
  forget(): void {
    rmSync(this.#path, { force: true });
    this.#take({ ...this.#state, proxies: [] });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    try {
      const info = statSync(this.#path);
      const signature = `${info.ino} ${info.mtimeMs} ${info.size}`;
      if (signature === this.#signature) return;
      const state: ControllerState = JSON.parse(readFileSync(this.#path, "utf8"));
      this.#signature = signature;
      this.#take(state);
    } catch {
      // Not written yet, or just being replaced: the next look finds it.
    }
  }

  #take(state: ControllerState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}
