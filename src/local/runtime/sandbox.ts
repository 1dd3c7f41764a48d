/**
 * Makes one pod: its folder, its namespaces, its link to the machine; and takes them away again.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Millis } from "../../core/base/millis.ts";
import { runCommand, tryCommand } from "../tools/command.ts";
import type { SystemTools } from "../tools/system.ts";
import { childrenOf } from "./launcher-record.ts";
import { logPath } from "./logs.ts";
import { envoyProgram, podArgv, podEnvironment } from "./pod-argv.ts";
import { startProcess } from "./pod-process.ts";
import * as setup from "./pod-setup.ts";
import {
  ENVOY_UID,
  type EnvoyOptions,
  type PodOptions,
  type PodSandbox,
  type ProcessOptions,
  type RunningProcess,
} from "./ports.ts";
import { probePod } from "./probe.ts";

const SPACES = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
const SETUP_TIMEOUT: Millis = 20_000;

/** What all pods of a machine share. */
export interface SandboxContext {
  readonly stateDir: string;
  readonly tools: SystemTools;
  /** The variant that works in this kernel. */
  readonly iptablesRestore: readonly string[];
  readonly mountPoint: string;
  readonly osm: readonly string[];
  readonly envoy?: string;
}

/**
 * @param onEnd - Called once the pod is destroyed.
 * @throws Error naming the pod; nothing of it is left then.
 */
export async function createSandbox(
  context: SandboxContext,
  options: PodOptions,
  onEnd: (pod: PodSandbox) => void,
): Promise<PodSandbox> {
  const folder = join(context.stateDir, "machine", "pods", options.uid);
  let holder: ChildProcess | undefined;
  try {
    await writePodFolder(context, options, folder);
    holder = startHolder(context, options, folder);
    const pid = await withinTime(setUp(holder, context, options));
    return new Sandbox({ context, options, folder, holder, pid, onEnd });
  } catch (cause) {
    holder?.kill("SIGKILL");
    await dropLink(context, options.ip);
    await rm(folder, { recursive: true, force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`pod ${options.namespace}/${options.name}: ${why}`, { cause });
  }
}

async function writePodFolder({ osm, envoy }: SandboxContext, options: PodOptions, folder: string): Promise<void> {
  const seen = join(folder, "seen");
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(seen, "bin"), { recursive: true });
  await mkdir(join(seen, "envoy"), { recursive: true });
  const nsswitch = await readFile("/etc/nsswitch.conf", "utf8").catch(() => "");
  const files: Record<string, string> = {
    "resolv.conf": setup.resolvConf(options.namespace),
    hosts: setup.hostsFile(options),
    "nsswitch.conf": setup.nsswitchConf(nsswitch),
    links: setup.podLinkCommands(options.ip),
    ...(options.redirection === undefined
      ? {}
      : { redirection: options.redirection, exemption: setup.probeExemption() }),
    "seen/bin/osm": osm.length === 1 ? "" : `#!/bin/sh\nexec ${osm.map(setup.quote).join(" ")} "$@"\n`,
    ...(envoy === undefined ? {} : { "seen/bin/envoy": "" }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await chmod(join(seen, "bin", "osm"), 0o755);
  for (const [name, text] of Object.entries(options.files ?? {})) await writeEnvoyFile(join(seen, "envoy", name), text);
  // Whatever the umask was: the pod's users must get to their files.
  for (const path of [folder, seen, join(seen, "bin"), join(seen, "envoy")]) await chmod(path, 0o755);
  for (const name of ["resolv.conf", "hosts", "nsswitch.conf"]) await chmod(join(folder, name), 0o644);
}

async function writeEnvoyFile(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  await chown(path, ENVOY_UID, ENVOY_UID);
  await chmod(path, 0o400);
}

function startHolder(context: SandboxContext, options: PodOptions, folder: string): ChildProcess {
  const { tools, osm, envoy, mountPoint, iptablesRestore } = context;
  const [only, ...more] = osm;
  const programs = {
    ...(only !== undefined && more.length === 0 ? { osm: only } : {}),
    ...(envoy === undefined ? {} : { envoy }),
  };
  const paths = { folder, mountPoint, hostname: options.hostname, ip: tools.ip, iptablesRestore, programs };
  const args = [...SPACES, "--", ...setup.setupArgv(tools.sh, paths)];
  return spawn(tools.setsid, [tools.unshare, ...args], { stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
}

/** Leads the script through its two steps. Returns the pod's first process. */
async function setUp(holder: ChildProcess, { tools }: SandboxContext, { ip }: PodOptions): Promise<number> {
  const says = listenTo(holder);
  await says(setup.SANDBOX_APART);
  const [first] = childrenOf(holder.pid ?? 0);
  if (first === undefined) throw new Error("the sandbox has no first process");
  await runCommand([...tools.ip, "-batch", "-"], { input: setup.machineLinkCommands(ip, first.pid) });
  holder.stdin?.on("error", () => undefined).end("\n"); // if the script is gone, the next line says so
  await says(setup.SANDBOX_READY);
  return first.pid;
}

/** Returns a function that waits until the script has said a word, and rejects if it ends instead. */
function listenTo(holder: ChildProcess): (word: string) => Promise<void> {
  let said = "";
  let complaints = "";
  let check: () => void = () => undefined;
  holder.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    check();
  });
  holder.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const ended = new Promise<never>((_, reject) => {
    holder.once("error", reject);
    holder.once("close", (code) => reject(new Error(`set-up ended with ${code}: ${complaints.trim()}`)));
  });
  // It ends one day, when nobody waits any more.
  ended.catch(() => undefined);
  return (word) => {
    const heard = new Promise<void>((resolve) => {
      check = () => {
        if (said.includes(word)) resolve();
      };
      check();
    });
    return Promise.race([heard, ended]);
  };
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not set up within ${SETUP_TIMEOUT} ms`)), SETUP_TIMEOUT);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function dropLink({ tools }: SandboxContext, ip: string): Promise<void> {
  // The link ends with the pod's namespace anyway, but some time after it; the address must be free at once.
  await tryCommand([...tools.ip, "link", "delete", setup.linkName(ip)]).catch(() => undefined);
}

interface SandboxParts {
  readonly context: SandboxContext;
  readonly options: PodOptions;
  readonly folder: string;
  /** `unshare`: ends when the pod's first process does. */
  readonly holder: ChildProcess;
  readonly pid: number;
  readonly onEnd: (pod: PodSandbox) => void;
}

class Sandbox implements PodSandbox {
  readonly ip: string;
  readonly pid: number;
  readonly files: string;
  readonly #context: SandboxContext;
  readonly #options: PodOptions;
  readonly #folder: string;
  readonly #holder: ChildProcess;
  readonly #onEnd: (pod: PodSandbox) => void;
  readonly #running = new Set<RunningProcess>();
  #destroyed: Promise<void> | undefined;

  constructor({ context, options, folder, holder, pid, onEnd }: SandboxParts) {
    this.ip = options.ip;
    this.pid = pid;
    this.files = join(context.mountPoint, "envoy");
    this.#context = context;
    this.#options = options;
    this.#folder = folder;
    this.#holder = holder;
    this.#onEnd = onEnd;
  }

  run(options: ProcessOptions): RunningProcess {
    return this.#start(options, logPath(this.#context.stateDir, this.#options, options.log));
  }

  runEnvoy(options: EnvoyOptions): RunningProcess {
    const program = envoyProgram(this.#context.mountPoint, options);
    return this.run({ ...program, ...(options.env === undefined ? {} : { env: options.env }), log: "envoy" });
  }

  async replaceFiles(files: Readonly<Record<string, string>>): Promise<void> {
    const folder = join(this.#folder, "seen", "envoy");
    const paths = Object.entries(files).map(([name, text]) => ({ path: join(folder, name), text }));
    // All there before the first is seen, so that a key is not long without its certificate.
    for (const { path, text } of paths) await writeEnvoyFile(`${path}.new`, text);
    for (const { path } of paths) await rename(`${path}.new`, path);
  }

  probe(...[action, timeout]: Parameters<PodSandbox["probe"]>): ReturnType<PodSandbox["probe"]> {
    return probePod({ ip: this.ip, run: (options) => this.#start(options) }, action, timeout);
  }

  destroy(grace: Millis): Promise<void> {
    this.#destroyed ??= this.#end(grace);
    return this.#destroyed;
  }

  #start(options: Omit<ProcessOptions, "log">, logFile?: string): RunningProcess {
    const { tools, mountPoint } = this.#context;
    const env = podEnvironment(options.env ?? {}, {
      hostname: this.#options.hostname,
      mountPoint,
      uid: options.uid ?? 0,
    });
    const argv = [tools.setsid, ...podArgv(tools, this.pid, options)];
    const running = startProcess({ argv, env, relayed: true, ...(logFile === undefined ? {} : { logFile }) });
    this.#running.add(running);
    // `exited` never rejects.
    void running.exited.then(() => this.#running.delete(running));
    return running;
  }

  async #end(grace: Millis): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop(grace)));
    // With the pod's first process the kernel ends all others: daemons, and what `osm local exec` started.
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) {
      const gone = new Promise<void>((done) => this.#holder.once("exit", () => done()));
      killProcess(this.pid);
      await gone;
    }
    await dropLink(this.#context, this.ip);
    await rm(this.#folder, { recursive: true, force: true });
    this.#onEnd(this);
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended by itself
  }
}
