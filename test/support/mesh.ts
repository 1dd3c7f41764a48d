/**
 * A mesh for tests: `osm local` with real Envoys, driven through its commands as a user would.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HttpResult, LoadResult } from "../../src/demo/tasks/http-task.ts";
import type { Task } from "../../src/demo/tasks/perform.ts";
import type { TcpResult } from "../../src/demo/tasks/socket-tasks.ts";
import type { Manifest } from "./workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BUN = join(ROOT, "node_modules/.bin/bun");
/** The executable by default, since that is what users run; `OSM="bun src/app/main.ts"` runs from source. */
const OSM = (process.env["OSM"] ?? join(ROOT, "dist/osm")).split(" ");

export interface MeshOptions {
  readonly controlPlane?: "embedded" | "external";
  /** How long all pods may take to be ready. */
  readonly readyWithinMs?: number;
}

export interface PodState {
  readonly namespace: string;
  readonly name: string;
  readonly ready: boolean;
  readonly reason?: string;
  readonly ip: string;
}

/** What tests read of `osm local status --json`. */
export interface MeshState {
  readonly stateDir: string;
  readonly controlPlane: { readonly mode: string; readonly pid: number };
  readonly pods: readonly PodState[];
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let meshes = 0;

export class TestMesh {
  readonly name: string;
  readonly directory: string;
  readonly #up: ReturnType<typeof spawn>;
  #log = "";

  private constructor(manifests: readonly Manifest[], { controlPlane = "embedded" }: MeshOptions) {
    this.name = `test-${process.pid}-${++meshes}`;
    this.directory = mkdtempSync(join(tmpdir(), "osm-mesh-"));
    writeFileSync(join(this.directory, "mesh.json"), listOf(manifests));
    const [program = "", ...rest] = OSM;
    const argv = [...rest, "local", "up", this.directory, "--name", this.name, "--control-plane", controlPlane];
    this.#up = spawn(program, argv, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#up.stdout, this.#up.stderr])
      stream?.on("data", (chunk) => (this.#log += String(chunk)));
  }

  /** Resolves once every pod is ready. */
  static async start(manifests: readonly Manifest[], options: MeshOptions = {}): Promise<TestMesh> {
    const mesh = new TestMesh(manifests, options);
    try {
      await mesh.ready(options.readyWithinMs);
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  async ready(withinMs = 60_000): Promise<void> {
    await this.eventually("all pods are ready", withinMs, async () => {
      const { pods } = await this.status();
      const waiting = pods.filter(({ ready }) => !ready);
      if (pods.length === 0 || waiting.length > 0) throw new Error(`not ready: ${JSON.stringify(waiting)}`);
    });
  }

  /** `osm local …` with this mesh's name; never rejects for an exit code. */
  osm(command: string, ...args: readonly string[]): Promise<Output> {
    const [program = "", ...rest] = OSM;
    const split = args.indexOf("--");
    const named =
      split < 0 ? [...args, "--name", this.name] : [...args.slice(0, split), "--name", this.name, ...args.slice(split)];
    return new Promise((resolve) => {
      const options = { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 };
      execFile(program, [...rest, "local", command, ...named], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** `osm certificate …` of this mesh; never rejects for an exit code. */
  certificate(...args: readonly string[]): Promise<Output> {
    const [program = "", ...rest] = OSM;
    return new Promise((resolve) => {
      const argv = [...rest, "certificate", ...args, "--name", this.name];
      execFile(program, argv, { cwd: ROOT }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  async status(): Promise<MeshState> {
    return JSON.parse((await this.#must("status", "--json")).stdout) as MeshState;
  }

  /** @param pod - `namespace/pod`, or `namespace/deployment`. */
  exec(pod: string, ...command: readonly string[]): Promise<Output> {
    return this.osm("exec", pod, "--", ...command);
  }

  async http(
    pod: string,
    url: string,
    options: Partial<Omit<Extract<Task, { kind: "http" }>, "kind" | "url">> = {},
  ): Promise<readonly HttpResult[]> {
    return (await this.#perform(pod, { kind: "http", url, ...options })) as readonly HttpResult[];
  }

  /** One request. */
  async get(pod: string, url: string, options: Parameters<TestMesh["http"]>[2] = {}): Promise<HttpResult> {
    const [first] = await this.http(pod, url, options);
    if (first === undefined) throw new Error("the client gave no result");
    return first;
  }

  async load(pod: string, options: Omit<Extract<Task, { kind: "load" }>, "kind">): Promise<LoadResult> {
    return (await this.#perform(pod, { kind: "load", ...options })) as LoadResult;
  }

  async tcp(pod: string, options: Omit<Extract<Task, { kind: "tcp" }>, "kind">): Promise<TcpResult> {
    return (await this.#perform(pod, { kind: "tcp", ...options })) as TcpResult;
  }

  /** Any task; the caller knows the shape of its result. */
  perform(pod: string, task: Task): Promise<unknown> {
    return this.#perform(pod, task);
  }

  async apply(...manifests: readonly Manifest[]): Promise<void> {
    await this.#withFile(manifests, (file) => this.#must("apply", "-f", file));
  }

  async delete(...manifests: readonly Manifest[]): Promise<void> {
    await this.#withFile(manifests, (file) => this.#must("delete", "-f", file));
  }

  /** Repeats `check` until it stops throwing. Rejects with its last error, and the mesh's log, when the time is over. */
  async eventually(what: string, withinMs: number, check: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      try {
        await check();
        return;
      } catch (error) {
        if (this.#up.exitCode !== null) throw new Error(`the mesh ended (exit ${this.#up.exitCode})\n${this.#log}`);
        if (Date.now() > deadline) {
          throw new Error(`not within ${withinMs} ms: ${what}: ${(error as Error).message}\n${this.#log.slice(-4000)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** What the mesh has printed. */
  log(): string {
    return this.#log;
  }

  async stop(): Promise<void> {
    await this.osm("down");
    if (this.#up.exitCode === null && this.#up.signalCode === null) {
      await new Promise((resolve) => {
        this.#up.once("exit", resolve);
        setTimeout(() => this.#up.kill("SIGKILL"), 10_000).unref();
      });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #perform(pod: string, task: Task): Promise<unknown> {
    const { code, stdout, stderr } = await this.exec(
      pod,
      BUN,
      join(ROOT, "test/support/client.ts"),
      JSON.stringify(task),
    );
    if (code !== 0) throw new Error(`the client in ${pod} failed (exit ${code}): ${stderr}${stdout}`);
    return JSON.parse(stdout);
  }

  async #must(command: string, ...args: readonly string[]): Promise<Output> {
    const output = await this.osm(command, ...args);
    if (output.code !== 0)
      throw new Error(`osm local ${command} ${args.join(" ")}: exit ${output.code}\n${output.stderr}`);
    return output;
  }

  async #withFile(manifests: readonly Manifest[], use: (file: string) => Promise<unknown>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "osm-apply-"));
    const file = join(folder, "objects.json");
    writeFileSync(file, listOf(manifests));
    try {
      await use(file);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function listOf(manifests: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: manifests });
}
