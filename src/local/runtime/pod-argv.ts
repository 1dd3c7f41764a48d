/**
 * Command lines that run a program inside a pod, from the machine or from outside. Text only.
 *
 * @module
 */

import { DRAIN_AT_ONCE } from "../../core/inject/sidecar-container.ts";
import type { SystemTools } from "../tools/system.ts";
import { ENVOY_UID, type EnvoyOptions, type ProcessOptions } from "./ports.ts";

/**
 * What a container runtime leaves to root by default. Above all not the power over networks and mounts: a pod that
 * could change its own redirection would leave the mesh.
 */
const CAPABILITIES = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "net_bind_service",
  "net_raw",
  "sys_chroot",
  "mknod",
  "audit_write",
  "setfcap",
];
const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Program = Pick<ProcessOptions, "argv" | "uid" | "gid" | "cwd">;

/**
 * From the machine: enters the namespaces of the process `pid`, drops powers and runs the program, as a
 * child: only children are in a process namespace that was entered. `nsenter` waits and ends as the child did.
 */
export function podArgv(
  tools: Pick<SystemTools, "nsenter" | "setpriv" | "sh">,
  pid: number,
  program: Program,
): string[] {
  return [tools.nsenter, "-t", String(pid), "-n", "-m", "-u", "-p", "--", ...asUser(tools, program)];
}

/**
 * From outside the machine (another terminal): enters the machine, then the pod. Standard streams are the caller's.
 *
 * @param init - The machine's first process, as the host counts; see `readLauncher`.
 * @param env - The whole environment of the program, as `podEnvironment` gives it.
 */
export function execArgv(
  tools: Pick<SystemTools, "nsenter" | "setpriv" | "sh">,
  {
    init,
    rootless,
    pid,
    env,
    program,
  }: {
    readonly init: number;
    readonly rootless: boolean;
    readonly pid: number;
    readonly env: Readonly<Record<string, string>>;
    readonly program: Program;
  },
): string[] {
  const user = rootless ? ["-U", "--preserve-credentials"] : [];
  const machine = [tools.nsenter, "-t", String(init), ...user, "-m", "-p", "-n", "--"];
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const pod = [tools.nsenter, "-t", String(pid), "-n", "-m", "-u", "-p", "--"];
  return [...machine, ...pod, "env", "-i", ...settings, ...asUser(tools, program)];
}

/** The environment of a process in a pod: what the manifest says over the defaults. `osm` comes first on PATH. */
export function podEnvironment(
  given: Readonly<Record<string, string>>,
  pod: { readonly hostname: string; readonly mountPoint: string; readonly uid: number },
  own: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const path =
    given["PATH"] ?? [own["PATH"], STANDARD_PATH].filter((part) => part !== undefined && part !== "").join(":");
  return {
    HOME: pod.uid === 0 ? (own["HOME"] ?? "/") : "/",
    HOSTNAME: pod.hostname,
    ...given,
    PATH: `${pod.mountPoint}/bin:${path}`,
  };
}

/** Envoy as the injector's container runs it, with one worker: a laptop holds many of them. */
export function envoyProgram(mountPoint: string, { serviceCluster, logLevel = "error" }: EnvoyOptions): Program {
  const argv = [
    `${mountPoint}/bin/envoy`,
    ...["--config-path", `${mountPoint}/envoy/bootstrap.yaml`],
    ...["--service-cluster", serviceCluster],
    ...["--log-level", logLevel],
    ...["--concurrency", "1"],
    // An access log that is ten seconds late, as by default, looks like a request that never came.
    ...["--file-flush-interval-msec", "1000"],
    "--disable-hot-restart",
    ...DRAIN_AT_ONCE,
  ];
  return { argv, uid: ENVOY_UID, gid: ENVOY_UID };
}

function asUser(
  { setpriv, sh }: Pick<SystemTools, "setpriv" | "sh">,
  { argv, uid = 0, gid = uid, cwd }: Program,
): string[] {
  const bounding = ["-all", ...CAPABILITIES.map((name) => `+${name}`)].join(",");
  const user = ["--reuid", String(uid), "--regid", String(gid), "--clear-groups", "--bounding-set", bounding];
  const folder = cwd === undefined ? [] : [sh, "-c", 'cd "$1" && shift && exec "$@"', "cwd", cwd];
  return [setpriv, ...user, "--", ...folder, ...argv];
}
