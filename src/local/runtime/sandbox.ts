/**
 * Makes one pod: its folder, its namespaces, its link to the machine; and takes them away again.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Millis } from "../../core/base/millis.ts";
import { runCommand, tryCommand } from "../tools/command.ts";
import type { SystemTools } from "../tools/system.ts";
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
    await becomesReady(holder);
    await runCommand([...context.tools.ip, "-batch", "-"], { input: setup.machineLinkCommands(options.ip) });
    return new Sandbox({ context, options, folder, holder, onEnd });
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
  const args = ["--net", "--mount", "--uts", "--", ...setup.setupArgv(tools.sh, paths)];
  return spawn(tools.setsid, [tools.unshare, ...args], { stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
}

function becomesReady(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(
      () => reject(new Error(`not set up within ${SETUP_TIMEOUT} ms: ${said.trim()}`)),
      SETUP_TIMEOUT,
    );
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    holder.once("error", (error) => settle(() => reject(error)));
    holder.once("close", (code) => settle(() => reject(new Error(`set-up ended with ${code}: ${said.trim()}`))));
    holder.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    holder.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes(setup.SANDBOX_READY)) settle(resolve);
    });
  });
}

async function dropLink({ tools }: SandboxContext, ip: string): Promise<void> {
  // The link ends with the pod's namespace anyway, but some time after it; the address must be free at once.
  await tryCommand([...tools.ip, "link", "delete", setup.linkName(ip)]).catch(() => undefined);
}

interface SandboxParts {
  readonly context: SandboxContext;
  readonly options: PodOptions;
  readonly folder: string;
  readonly holder: ChildProcess;
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
  readonly #network: string;
  readonly #running = new Set<RunningProcess>();
  #destroyed: Promise<void> | undefined;

  constructor({ context, options, folder, holder, onEnd }: SandboxParts) {
    if (holder.pid === undefined) throw new Error("the sandbox has no process");
    this.ip = options.ip;
    this.pid = holder.pid;
    this.files = join(context.mountPoint, "envoy");
    this.#context = context;
    this.#options = options;
    this.#folder = folder;
    this.#holder = holder;
    this.#onEnd = onEnd;
    this.#network = readlinkSync(`/proc/${holder.pid}/ns/net`);
  }

  run(options: ProcessOptions): RunningProcess {
    return this.#start(options, logPath(this.#context.stateDir, this.#options, options.log));
  }

  runEnvoy(options: EnvoyOptions): RunningProcess {
    const program = envoyProgram(this.#context.mountPoint, options);
    return this.run({ ...program, ...(options.env === undefined ? {} : { env: options.env }), log: "envoy" });
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
    const running = startProcess({ argv, env, ...(logFile === undefined ? {} : { logFile }) });
    this.#running.add(running);
    // `exited` never rejects.
    void running.exited.then(() => this.#running.delete(running));
    return running;
  }

  async #end(grace: Millis): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop(grace)));
    // What left its process group (daemons, `osm local exec`) is still in the pod's network.
    for (const pid of processesIn(this.#network)) kill(pid);
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) {
      const gone = new Promise<void>((done) => this.#holder.once("exit", () => done()));
      this.#holder.kill("SIGKILL");
      await gone;
    }
    await dropLink(this.#context, this.ip);
    await rm(this.#folder, { recursive: true, force: true });
    this.#onEnd(this);
  }
}

function processesIn(network: string): number[] {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === network;
    } catch {
      return false;
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended by itself
  }
}
