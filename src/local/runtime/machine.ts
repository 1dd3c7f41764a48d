/**
 * The machine: what runs inside the private namespaces and makes pods in them.
 *
 * @module
 */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand, tryCommand } from "../tools/command.ts";
import { type SystemTools, systemTools } from "../tools/system.ts";
import { type DnsServer, startDns } from "./dns-server.ts";
import { insideMachine } from "./launch.ts";
import { capLogs } from "./logs.ts";
import { MOUNT_POINTS } from "./pod-setup.ts";
import {
  MACHINE_ADDRESS,
  type Machine,
  type MachineOptions,
  type NameTable,
  type PodOptions,
  type PodSandbox,
  type ServiceAddress,
} from "./ports.ts";
import { createSandbox, type SandboxContext } from "./sandbox.ts";
import { buildServiceRules } from "./service-rules.ts";

/** Settings of the machine's network; those that an older kernel does not have are left out. */
const SETTINGS: Readonly<Record<string, string>> = {
  "net/ipv4/ip_forward": "1",
  // Drops packets of a pod that claim another's address, or the machine's.
  "net/ipv4/conf/all/rp_filter": "1",
  "net/ipv4/conf/default/rp_filter": "1",
  // A packet that connection tracking thinks too late must still be translated back, or the client sees a reset.
  "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
  // "No such network" must come at once, however often a client asks; by default the kernel says it once a second.
  "net/ipv4/icmp_ratelimit": "0",
  "net/ipv6/conf/default/disable_ipv6": "1",
};

/**
 * Prepares the namespaces that `enterMachine` made and starts DNS.
 *
 * @throws Error outside of a machine, or naming what the kernel refused.
 */
export async function openMachine(options: MachineOptions): Promise<Machine> {
  if (!insideMachine()) throw new Error("not inside a machine: start it with enterMachine");
  const tools = systemTools();
  await mkdir(join(options.stateDir, "machine"), { recursive: true });
  for (const [name, value] of Object.entries(SETTINGS)) applySetting(name, value);
  await runCommand([...tools.ip, "-batch", "-"], {
    input: `link set lo up\naddress add ${MACHINE_ADDRESS}/32 dev lo\n`,
  });
  const iptablesRestore = await workingVariant(tools, join(options.stateDir, "machine", "xtables.lock"));
  const dns = await startDns(MACHINE_ADDRESS);
  const context = { ...options, tools, iptablesRestore, mountPoint: mountPoint() };
  return new LocalMachine(context, dns);
}

function applySetting(name: string, value: string): void {
  const path = join("/proc/sys", name);
  if (existsSync(path)) writeFileSync(path, value);
}

function mountPoint(): string {
  const found = MOUNT_POINTS.find((path) => existsSync(path) && statSync(path).isDirectory());
  if (found === undefined)
    throw new Error(`none of the folders ${MOUNT_POINTS.join(", ")} exists: make one (it may be empty)`);
  return found;
}

/** A variant may be installed whose half of the kernel is missing: the first that takes our rules is used for all. */
async function workingVariant({ iptablesRestore }: SystemTools, lockFile: string): Promise<readonly string[]> {
  const refusals: string[] = [];
  for (const variant of iptablesRestore) {
    // The usual lock lies where only the real root may write.
    const argv = ["env", `XTABLES_LOCKFILE=${lockFile}`, ...variant, "--wait=30"];
    const answer = await tryCommand(argv, { input: TRIAL_RULES }).catch((error: Error) => ({
      code: null,
      stderr: error.message,
    }));
    if (answer.code === 0) {
      await runCommand(argv, { input: buildServiceRules([]) });
      return argv;
    }
    refusals.push(`${variant.join(" ")}: ${answer.stderr.trim()}`);
  }
  throw new Error(`no iptables works in this kernel: ${refusals.join("; ") || "none is installed"}`);
}

/** Every match and target that pods and services need. */
const TRIAL_RULES = [
  "*nat",
  ":PREROUTING ACCEPT [0:0]",
  ":OUTPUT ACCEPT [0:0]",
  ":OSM-TRIAL - [0:0]",
  "-A OSM-TRIAL -p tcp -m owner --uid-owner 1500 -j RETURN",
  "-A OSM-TRIAL -p tcp -m multiport --dports 1,2 -j RETURN",
  "-A OSM-TRIAL -p tcp -j REDIRECT --to-port 15001",
  "-A OUTPUT -j OSM-TRIAL",
  "COMMIT",
  buildServiceRules([
    { ip: "10.96.0.1", port: 1, protocol: "tcp", endpoints: [] },
    {
      ip: "10.96.0.2",
      port: 1,
      protocol: "tcp",
      endpoints: [
        { ip: "10.244.0.9", port: 1 },
        { ip: "10.244.0.8", port: 1 },
      ],
    },
  ]),
].join("\n");

class LocalMachine implements Machine {
  readonly stateDir: string;
  readonly #context: SandboxContext;
  readonly #dns: DnsServer;
  readonly #pods = new Set<PodSandbox>();
  readonly #stopCapping: () => void;
  #rules: Promise<void> = Promise.resolve();

  constructor(context: SandboxContext, dns: DnsServer) {
    this.stateDir = context.stateDir;
    this.#context = context;
    this.#dns = dns;
    this.#stopCapping = capLogs(context.stateDir);
  }

  async createPod(options: PodOptions): Promise<PodSandbox> {
    const pod = await createSandbox(this.#context, options, (ended) => this.#pods.delete(ended));
    this.#pods.add(pod);
    return pod;
  }

  setServices(table: readonly ServiceAddress[]): Promise<void> {
    const apply = async (): Promise<void> => {
      await runCommand(this.#context.iptablesRestore, { input: buildServiceRules(table) });
    };
    // In order: an older table must not overtake a newer one. A refused one does not hold up the next.
    const applied = this.#rules.then(apply, apply);
    this.#rules = applied.catch(() => undefined);
    return applied;
  }

  setNames(names: NameTable): void {
    this.#dns.setNames(names);
  }

  async close(): Promise<void> {
    this.#stopCapping();
    await Promise.all([...this.#pods].map((pod) => pod.destroy(0)));
    await this.#dns.close();
    await rm(join(this.stateDir, "machine"), { recursive: true, force: true });
  }
}
