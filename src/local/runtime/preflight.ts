/**
 * What this machine lacks for `osm local`, each with the way to get it. Changes nothing.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { tryCommand } from "../tools/command.ts";
import { canFetch, fetchTool } from "../tools/debian.ts";
import { findProgram } from "../tools/find.ts";
import { ipTool, iptablesTools } from "../tools/system.ts";
import { subordinateRange } from "./enter-argv.ts";

/** One thing that is missing. Both texts are for people; `what` fits a line. */
export interface Missing {
  readonly what: string;
  /** What to do about it: commands where there are some. */
  readonly wayOut: string;
}

/** Everything that the checks look at, so that they can be tested without breaking a machine. */
export interface Surroundings {
  readonly platform: string;
  readonly rootless: boolean;
  readonly user: { readonly name: string; readonly id: number };
  find(program: string): string | undefined;
  /** The text of a file, or undefined. */
  read(path: string): string | undefined;
}

const UTIL_LINUX = ["unshare", "nsenter", "setpriv", "setsid", "mount"];
const AS_ROOT = "or run it as root (sudo)";

/**
 * Checks this machine for this user. Fetches iptables and iproute2 into the cache where that is possible, so that a
 * missing one is reported only if nothing could be done.
 */
export async function checkMachine(): Promise<readonly Missing[]> {
  const here = surroundings();
  if (here.platform !== "linux") return checkPlatform(here);
  const fixed = [...checkPrograms(here), ...checkFiles(here), ...(here.rootless ? checkRootless(here) : [])];
  const tools = [
    ...(await checkTool("ip", ipTool() !== undefined)),
    ...(await checkTool("iptables", iptablesTools().length > 0)),
  ];
  const found = [...fixed, ...tools];
  // Trying what is known to be impossible would only say the same in the kernel's words.
  return found.length > 0 ? found : await checkNamespaces(here);
}

/** `osm local` needs Linux: namespaces are its kernel's. */
export function checkPlatform({ platform }: Pick<Surroundings, "platform">): readonly Missing[] {
  if (platform === "linux") return [];
  return [
    { what: `Linux (this is ${platform})`, wayOut: "run it in a Linux virtual machine or container with --privileged" },
  ];
}

/** Programs of util-linux; busybox has some of the same names without the options that are needed. */
export function checkPrograms({ find }: Pick<Surroundings, "find">): readonly Missing[] {
  const missing = UTIL_LINUX.filter((name) => find(name) === undefined);
  if (missing.length === 0) return [];
  return [
    {
      what: missing.join(", "),
      wayOut: installLines({ apt: "util-linux", dnf: "util-linux", apk: "util-linux setpriv" }),
    },
  ];
}

/** A pod's own files are mounted over the host's; where there is none, there is nothing to mount over. */
export function checkFiles({ read }: Pick<Surroundings, "read">): readonly Missing[] {
  if (read("/etc/resolv.conf") !== undefined) return [];
  return [
    {
      what: "/etc/resolv.conf (no file, or a link to nowhere)",
      wayOut: "sudo touch /etc/resolv.conf (it may be empty)",
    },
  ];
}

/** What root has by nature and another user only where the machine allows it. */
export function checkRootless({ find, read, user }: Pick<Surroundings, "find" | "read" | "user">): readonly Missing[] {
  return [...checkUserNamespaces(read), ...checkMapTools(find), ...checkRanges(read, user)];
}

function checkUserNamespaces(read: Surroundings["read"]): Missing[] {
  const switches = [
    { path: "/proc/sys/kernel/unprivileged_userns_clone", off: "0", on: "kernel.unprivileged_userns_clone=1" },
    { path: "/proc/sys/user/max_user_namespaces", off: "0", on: "user.max_user_namespaces=15000" },
    {
      path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
      off: "1",
      on: "kernel.apparmor_restrict_unprivileged_userns=0",
    },
  ];
  return switches
    .filter(({ path, off }) => read(path)?.trim() === off)
    .map(({ path, off, on }) => ({
      what: `user namespaces for unprivileged users (${path} is ${off})`,
      wayOut: `sudo sysctl -w ${on}, ${AS_ROOT}`,
    }));
}

function checkMapTools(find: Surroundings["find"]): Missing[] {
  const missing = ["newuidmap", "newgidmap"].filter((name) => find(name) === undefined);
  if (missing.length === 0) return [];
  const lines = installLines({ apt: "uidmap", dnf: "shadow-utils", apk: "shadow-uidmap" });
  return [{ what: missing.join(", "), wayOut: `${lines}, ${AS_ROOT}` }];
}

function checkRanges(read: Surroundings["read"], user: Surroundings["user"]): Missing[] {
  const without = ["/etc/subuid", "/etc/subgid"].filter(
    (path) => subordinateRange(read(path) ?? "", user) === undefined,
  );
  if (without.length === 0) return [];
  const line = `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user.name}`;
  const why = "Envoy must run as another user than the application, or the redirection cannot tell them apart";
  return [
    {
      what: `a subordinate id range for ${user.name} in ${without.join(" and ")}`,
      wayOut: `${line}, ${AS_ROOT}; ${why}`,
    },
  ];
}

async function checkTool(name: "ip" | "iptables", present: boolean): Promise<Missing[]> {
  if (present) return [];
  const program = name === "ip" ? "ip" : "iptables-restore";
  const distribution = name === "ip" ? "iproute2" : "iptables";
  const wayOut = installLines({
    apt: distribution,
    dnf: name === "ip" ? "iproute" : "iptables-nft",
    apk: distribution,
  });
  if (!canFetch(program)) return [{ what: name, wayOut }];
  try {
    await fetchTool(program);
    return [];
  } catch (error) {
    return [{ what: `${name} (${error instanceof Error ? error.message : error})`, wayOut }];
  }
}

/** Makes the namespaces and a link in them once, for real: containers and hardened kernels refuse in many ways. */
async function checkNamespaces({ rootless }: Surroundings): Promise<Missing[]> {
  const unshare = findProgram("unshare") ?? "unshare";
  const user = rootless ? ["--user", "--map-root-user"] : [];
  const link = [...(ipTool() ?? []), "link", "add", "osm-a", "type", "veth", "peer", "name", "osm-b"];
  const steps = [
    {
      what: "private namespaces",
      argv: [unshare, ...user, "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],
    },
    { what: "virtual network links (veth) in the kernel", argv: [unshare, ...user, "--net", ...link] },
  ];
  for (const { what, argv } of steps) {
    const { code, stderr } = await tryCommand(argv, { timeout: 10_000 });
    if (code === 0) continue;
    const wayOut = `in a container, start it with --privileged; elsewhere ${rootless ? AS_ROOT.replace("or ", "") : "use another kernel"}`;
    return [{ what: `${what} (${stderr.trim()})`, wayOut }];
  }
  return [];
}

function installLines({ apt, dnf, apk }: { readonly apt: string; readonly dnf: string; readonly apk: string }): string {
  return `apt install ${apt} | dnf install ${dnf} | apk add ${apk}`;
}

function surroundings(): Surroundings {
  const { username, uid } = userInfo();
  return {
    platform: process.platform,
    rootless: uid !== 0,
    user: { name: username, id: uid },
    find: (program) => findProgram(program),
    read: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
  };
}
