/**
 * What a pod is made of: the files that it sees, and the script that makes its namespaces a pod. Text only.
 *
 * The script runs as the first process of new network, mount, process and UTS namespaces below the machine's.
 *
 * @module
 */
import { MACHINE_ADDRESS, type PodOptions } from "./ports.ts";

/** Link-local gateway, the same for every pod: pods share no segment, so all traffic is routed by the machine. */
const GATEWAY = "169.254.1.1";
/** Hardware address of the machine's end of every pod's link. */
const GATEWAY_LINK = "ee:ee:ee:ee:ee:ee";
/** What the script prints when the namespaces exist; it then waits for a line, written once the link is there. */
export const SANDBOX_APART = "sandbox apart";
/** What the script prints when the pod stands. */
export const SANDBOX_READY = "sandbox ready";

/** Folders that exist on most systems and that no program needs: the pod's own files are mounted over the first found. */
export const MOUNT_POINTS = ["/media", "/boot", "/srv", "/mnt"] as const;

/** `/etc/resolv.conf` of a pod, as a kubelet writes it. */
export function resolvConf(namespace: string): string {
  const domain = "svc.cluster.local";
  return `nameserver ${MACHINE_ADDRESS}\nsearch ${namespace}.${domain} ${domain} cluster.local\noptions ndots:5\n`;
}

/** `/etc/hosts` of a pod. */
export function hostsFile({ ip, hostname }: Pick<PodOptions, "ip" | "hostname">): string {
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${ip}\t${hostname}\n`;
}

/**
 * The host's `/etc/nsswitch.conf` with names looked up in files and DNS alone: `resolve`, `mymachines` or `mdns`
 * would ask the host's daemons, which know nothing of the mesh.
 */
export function nsswitchConf(host: string): string {
  const others = host.split("\n").filter((line) => !/^\s*hosts\s*:/.test(line));
  return `${others.join("\n").trimEnd()}\nhosts: files dns\n`.trimStart();
}

/** Hardware address of the pod's end, derived from its address so that neighbours can be written down, not asked for. */
export function podLink(ip: string): string {
  return ["02", "00", ...ip.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
}

/** Name of the machine's end of the pod's link: at most 15 characters, one per address. */
export function linkName(ip: string): string {
  return `pod-${ip.split(".").slice(2).join("-")}`;
}

/** Input for `ip -batch` in the machine: the link, whose other end goes to the pod of process `pid`, and the way to it. */
export function machineLinkCommands(ip: string, pid: number): string {
  const name = linkName(ip);
  return [
    `link add ${name} address ${GATEWAY_LINK} type veth peer name eth0 address ${podLink(ip)} netns ${pid}`,
    `link set ${name} up`,
    `neighbour replace ${ip} lladdr ${podLink(ip)} dev ${name} nud permanent`,
    `route replace ${ip}/32 dev ${name} src ${MACHINE_ADDRESS}`,
    "",
  ].join("\n");
}

/** Input for `ip -batch` inside the pod, once its end of the link is there. */
export function podLinkCommands(ip: string): string {
  return [
    "link set lo up",
    `address add ${ip}/32 dev eth0`,
    "link set eth0 up",
    `neighbour add ${GATEWAY} lladdr ${GATEWAY_LINK} dev eth0 nud permanent`,
    `route add ${GATEWAY} dev eth0 scope link`,
    `route add default via ${GATEWAY} dev eth0 src ${ip}`,
    "",
  ].join("\n");
}

/**
 * Rules that the machine puts on top of a meshed pod's redirection: a probe comes from the machine's address and goes
 * to the application directly, as a kubelet's does where the node is excluded. Pods cannot take that address: the
 * machine drops packets that claim it.
 */
export function probeExemption(): string {
  return `*nat\n-I PREROUTING 1 -p tcp -s ${MACHINE_ADDRESS}/32 -j RETURN\nCOMMIT\n`;
}

/** Paths that the script is told. All absolute. */
export interface SetupPaths {
  /** The pod's folder: `seen/`, `resolv.conf`, `hosts`, `nsswitch.conf`, `links`, `redirection`, `exemption`. */
  readonly folder: string;
  /** Where `seen/` is mounted. */
  readonly mountPoint: string;
  readonly hostname: string;
  readonly ip: readonly string[];
  readonly iptablesRestore: readonly string[];
  /** Executables mounted over the empty files `seen/bin/<name>`: a user's home is often closed to other users. */
  readonly programs: Readonly<Record<string, string>>;
}

/** The argv, after `unshare`, that makes the pod, says `SANDBOX_READY` and then holds the namespaces. */
export function setupArgv(sh: string, paths: SetupPaths): string[] {
  const lines = [
    "set -e",
    // Redirection is for IPv4 only, so a pod must have no other way out. Counts for links that are yet to come.
    "if [ -e /proc/sys/net/ipv6/conf/default/disable_ipv6 ]; then echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; fi",
    `echo ${quote(SANDBOX_APART)}`,
    "read -r _",
    'cd "$1"',
    "for file in resolv.conf hosts nsswitch.conf; do",
    '  if [ -e "$file" ] && [ -e "/etc/$file" ]; then mount --bind "$file" "$(readlink -f "/etc/$file")"; fi',
    "done",
    'mount --bind seen "$2"',
    // Without root, flags that the folder's file system has must stay; where even this is refused the folder is writable.
    'for flags in ro ro,nosuid,nodev; do mount -o "remount,bind,$flags" "$2" 2>/dev/null && break; done',
    ...Object.entries(paths.programs).map(([name, path]) => `mount --bind ${quote(path)} "$2"/bin/${name}`),
    // The host's name cache would answer for it.
    "if [ -d /run/nscd ]; then mount -t tmpfs none /run/nscd; fi",
    // Through /proc only the real root may; the command asks the kernel, which asks for power over this namespace alone.
    'hostname "$3" 2>/dev/null || echo "$3" > /proc/sys/kernel/hostname',
    "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start",
    `${paths.ip.map(quote).join(" ")} -batch links`,
    `if [ -e redirection ]; then ${paths.iptablesRestore.map(quote).join(" ")} --noflush redirection; fi`,
    `if [ -e redirection ]; then ${paths.iptablesRestore.map(quote).join(" ")} --noflush exemption; fi`,
    `echo ${quote(SANDBOX_READY)}`,
    "cd /",
    "exec </dev/null >/dev/null 2>&1",
    // As the pod's first process the shell reaps what is orphaned while it waits. A program may kill all that it sees,
    // this sleep included; the first process itself it cannot.
    "while :; do sleep 2147483647 || :; done",
  ];
  return [sh, "-c", lines.join("\n"), "pod", paths.folder, paths.mountPoint, paths.hostname];
}

/** One word for the shell, whatever it holds. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
