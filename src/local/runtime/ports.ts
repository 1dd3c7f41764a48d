/**
 * What the cluster half of `osm local` may ask of the machine half: sandboxes, processes, addresses, names, probes.
 *
 * The machine knows nothing of Kubernetes objects, of policy or of Envoy's configuration. All of it lives in
 * private namespaces, so whatever is made here ends with the machine's first process.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

/** The machine's own address: DNS server, control plane, and the source address of probes. Exempt from redirection. */
export const MACHINE_ADDRESS = "10.244.0.1";
/** Pod addresses come from here. `.0.1` to `.0.9` belong to the machine; the first pod address is `10.244.0.10`. */
export const POD_CIDR = "10.244.0.0/16";
/** Service addresses come from here. */
export const SERVICE_CIDR = "10.96.0.0/16";
/** The user that Envoy runs as, which the redirection lets through. */
export const ENVOY_UID = 1500;

/** The machine. One per `osm local up`; made inside the private namespaces by `openMachine`. */
export interface Machine {
  /** Absolute path. The machine writes `launcher.json`, `machine/` and `logs/` in it, nothing else. */
  readonly stateDir: string;
  /**
   * Makes a pod's namespaces, address, files and redirection. No process runs in it yet but the one that holds it.
   *
   * @throws Error naming the pod and what the system refused; nothing is left of the pod then.
   */
  createPod(options: PodOptions): Promise<PodSandbox>;
  /** Replaces all service addresses at once. Established connections stay where they are. Calls are serialised. */
  setServices(table: readonly ServiceAddress[]): Promise<void>;
  /** Replaces what the DNS server answers with. */
  setNames(names: NameTable): void;
  /** Ends all pods (SIGKILL, no grace) and the DNS server. Call `destroy` on pods first for a graceful end. */
  close(): Promise<void>;
}

export interface PodOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique over time; names the pod's folder and log folder. Letters, digits, `-`. */
  readonly uid: string;
  /** From `POD_CIDR`, chosen by the caller, in use by no other pod. */
  readonly ip: string;
  /** The UTS name: the pod's name, or `spec.hostname`. */
  readonly hostname: string;
  /** Files that appear read-only in the pod at `sandbox.files/<name>`; owned by `ENVOY_UID`, mode 0400. Bootstrap files. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Input for `iptables-restore --noflush` in the pod's network namespace (`core/inject/redirection.ts`);
   * absent for a pod outside the mesh. The machine puts an exemption for `MACHINE_ADDRESS` on top of it.
   */
  readonly redirection?: string;
}

/** A pod's namespaces. Ends with `destroy`. */
export interface PodSandbox {
  readonly ip: string;
  /**
   * Process id, inside the machine's process namespace, of the pod's first process, which holds the namespaces. For
   * `execArgv`. A pod has a process namespace of its own: it sees and ends its own processes only.
   */
  readonly pid: number;
  /** Where `PodOptions.files` are seen from inside the pod, for the bootstrap builder. The same for every pod. */
  readonly files: string;
  /** Starts a process in the pod. Never throws for a missing program: it exits with 127 and says so in its log. */
  run(options: ProcessOptions): RunningProcess;
  /** Starts Envoy as `ENVOY_UID` with `sandbox.files/bootstrap.yaml`. */
  runEnvoy(options: EnvoyOptions): RunningProcess;
  /** Replaces some of `PodOptions.files`, each as a whole, under the eyes of a running Envoy. */
  replaceFiles(files: Readonly<Record<string, string>>): Promise<void>;
  /** Performs one probe, from the machine (`exec` in the pod). Never rejects: whatever goes wrong is `ok: false`. */
  probe(action: ProbeAction, timeout: Millis): Promise<ProbeResult>;
  /** SIGTERM to every process, SIGKILL after `grace`, then frees namespaces, address and folder (logs stay). */
  destroy(grace: Millis): Promise<void>;
}

export interface ProcessOptions {
  /** Program and arguments; the program is looked up in `env.PATH`, in which `osm` comes first. Not empty. */
  readonly argv: readonly string[];
  /** Nothing is inherited, except that `PATH` and (for root) `HOME` default to the machine's own. `HOSTNAME` is the pod's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Defaults to 0, as an image without USER. With 1500 a process bypasses the mesh, as in OSM. */
  readonly uid?: number;
  readonly gid?: number;
  /** Defaults to `/`. */
  readonly cwd?: string;
  /** Name of the log, by convention the container's name. Standard output and error, one file, see `logPath`. */
  readonly log: string;
}

export interface EnvoyOptions {
  /** `<service account>.<namespace>`. */
  readonly serviceCluster: string;
  /** Envoy's log level. Defaults to `error`. */
  readonly logLevel?: string;
  /** Environment beyond the defaults (`POD_UID` and the like). */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningProcess {
  /** Inside the machine's process namespace: the process that waits for the program. Leads the program's group. */
  readonly pid: number;
  /** Never rejects. `code` is null if and only if a signal ended it. */
  readonly exited: Promise<ProcessExit>;
  /**
   * SIGTERM to the program and the children in its group, SIGKILL to what is left of them after `grace`. A program that
   * ends by itself takes its group with it at once, as a container does. Idempotent.
   */
  stop(grace: Millis): Promise<void>;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One port of a Service with a ClusterIP. */
export interface ServiceAddress {
  readonly ip: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** Ready endpoints. None: connections are refused. The control plane's own are on `MACHINE_ADDRESS`. */
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** What DNS knows. Cluster domain `cluster.local`. */
export interface NameTable {
  readonly services: readonly ServiceName[];
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
  /** Absent for a headless service, whose name answers with all endpoint addresses. */
  readonly clusterIp?: string;
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol: "tcp" | "udp" }[];
  /** Ready pods. `hostname` gives `<hostname>.<service>.<namespace>.svc.cluster.local` (StatefulSets, `spec.hostname`). */
  readonly endpoints: readonly { readonly ip: string; readonly hostname?: string }[];
}

export type ProbeAction =
  | {
      readonly kind: "http" | "https";
      readonly port: number;
      readonly path: string;
      /** Defaults to the pod's address. */
      readonly host?: string;
      readonly headers?: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly kind: "tcp"; readonly port: number; readonly host?: string }
  | { readonly kind: "grpc"; readonly port: number; readonly service?: string }
  | { readonly kind: "exec"; readonly process: Omit<ProcessOptions, "log"> };

export interface ProbeResult {
  readonly ok: boolean;
  /** One line for events and status: `HTTP 503`, `connection refused`, `exit code 1`, `no answer within 1000 ms`. */
  readonly detail: string;
}

/** What `openMachine` (machine.ts) needs. */
export interface MachineOptions {
  /** Absolute path of an existing folder. */
  readonly stateDir: string;
  /** How to start this executable, for `osm` inside pods: `[execPath]`, or `[bun, main.ts]` from source. */
  readonly osm: readonly string[];
  /** Path of Envoy's executable (`tools/envoy.ts`); absent if no pod is meshed. */
  readonly envoy?: string;
}
