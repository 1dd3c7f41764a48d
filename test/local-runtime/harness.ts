/** Starts machines for tests and talks to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stopMachine } from "../../src/local/runtime/launch.ts";
import { logPath } from "../../src/local/runtime/logs.ts";
import type { PodOptions, ProcessExit, ProcessOptions } from "../../src/local/runtime/ports.ts";
import type { Order } from "./inside.ts";
import type { Starter } from "./starters.ts";

/** All processes of a namespace, found by that and not by what a machine wrote down. */
export function population(kind: "net" | "pid", space: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && namespaceOf(pid, kind) === space);
}

/** A zombie does not count: it waits for the host's first process to take note of it. */
export function namespaceOf(pid: number, kind: "net" | "pid"): string | undefined {
  try {
    if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return undefined;
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

export class TestMachine {
  readonly stateDir: string;
  readonly outer: ChildProcess;
  readonly ended: Promise<number | null>;
  stderr = "";
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #pods = new Map<string, PodOptions>();
  readonly #ready: Promise<void>;
  #next = 0;

  constructor(
    starter: Starter,
    options: { readonly envoy?: string; readonly stateDir?: string; readonly osm?: readonly string[] } = {},
  ) {
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), "osm-local-runtime-"));
    starter.own(this.stateDir);
    const { stateDir } = this;
    const [program = "", ...args] = [
      ...starter.outside,
      stateDir,
      ...starter.inside,
      stateDir,
      options.envoy ?? "",
      ...(options.osm ?? ["/bin/echo", "osm"]),
    ];
    // The strictest umask that people set must not close a pod's files to its users.
    const umask = ["-c", 'umask 077; exec "$@"', "umask", program];
    this.outer = spawn("sh", [...umask, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...starter.env },
    });
    this.ended = new Promise((resolve) => this.outer.once("close", (code) => resolve(code)));
    this.outer.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.#ready = new Promise((resolve, reject) => {
      void this.ended.then(() => {
        reject(new Error(`the machine ended: ${this.stderr}`));
        for (const { reject: refuse } of this.#waiting.values()) refuse(new Error(`the machine ended: ${this.stderr}`));
      });
      if (this.outer.stdout === null) return;
      createInterface({ input: this.outer.stdout }).on("line", (line) => {
        const answer = JSON.parse(line);
        if (answer.ready === true) return resolve();
        const waiting = this.#waiting.get(answer.id);
        this.#waiting.delete(answer.id);
        if (answer.error === undefined) waiting?.resolve(answer.result);
        else waiting?.reject(new Error(answer.error));
      });
    });
    // For tests that expect the end and never ask.
    this.#ready.catch(() => undefined);
  }

  /** Rejects with what the machine said on standard error if it ends before. */
  async ready(): Promise<this> {
    await this.#ready;
    return this;
  }

  order<T>(order: Order): Promise<T> {
    const id = this.#next++;
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject });
      this.outer.stdin?.write(`${JSON.stringify({ id, order })}\n`);
    });
    // A test may end the machine while an order is under way; whoever waits for the answer still sees the rejection.
    answer.catch(() => undefined);
    return answer;
  }

  async pod(name: string, ip: string, more: Partial<PodOptions> = {}): Promise<{ pid: number; files: string }> {
    const options = { namespace: "shop", name, uid: `uid-${name}`, ip, hostname: name, ...more };
    this.#pods.set(name, options);
    return await this.order({ do: "pod", options });
  }

  start(pod: string, argv: readonly string[], more: Partial<ProcessOptions> = {}): Promise<number> {
    return this.order({ do: "run", pod, process: { argv, log: "main", ...more } });
  }

  /** Runs a command in a pod to its end. */
  async exec(
    pod: string,
    argv: readonly string[],
    more: Partial<ProcessOptions> = {},
  ): Promise<ProcessExit & { readonly output: string }> {
    const log = `exec-${this.#next}`;
    const pid = await this.start(pod, argv, { log, ...more });
    const exit = await this.order<ProcessExit>({ do: "wait", pid });
    return { ...exit, output: this.log(pod, log) };
  }

  log(pod: string, log: string): string {
    const options = this.#pods.get(pod);
    if (options === undefined) throw new Error(`no pod ${pod}`);
    return readFileSync(logPath(this.stateDir, options, log), "utf8");
  }

  /** Ends the machine and removes its folder. */
  async end(): Promise<void> {
    await stopMachine(this.stateDir, 5_000);
    await this.ended;
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
