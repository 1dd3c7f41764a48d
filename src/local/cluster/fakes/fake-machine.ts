/**
 * A machine for tests: pods and processes that exist in memory alone. Keeps a diary of what happened in which order.
 *
 * @module
 */
import type {
  EnvoyOptions,
  Machine,
  NameTable,
  PodOptions,
  PodSandbox,
  ProbeAction,
  ProbeResult,
  ProcessExit,
  ProcessOptions,
  RunningProcess,
  ServiceAddress,
} from "../../runtime/ports.ts";

const NO_EXIT: (exit: ProcessExit) => void = () => undefined;

export class FakeProcess implements RunningProcess {
  readonly pid = 1;
  readonly log: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly exited: Promise<ProcessExit>;
  readonly #diary: string[];
  #resolve = NO_EXIT;
  #over = false;

  constructor({ log, argv, env = {} }: ProcessOptions, diary: string[]) {
    this.log = log;
    this.argv = argv;
    this.env = env;
    this.#diary = diary;
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** It ends by itself. */
  exit(code: number): void {
    this.#end({ code, signal: null }, `exit ${code}`);
  }

  async stop(): Promise<void> {
    this.#end({ code: null, signal: "SIGTERM" }, "stop");
  }

  #end(exit: ProcessExit, how: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#diary.push(`${how} ${this.log}`);
    this.#resolve(exit);
  }
}

export class FakeSandbox implements PodSandbox {
  readonly pid = 7;
  readonly files = "/pod/envoy";
  readonly processes: FakeProcess[] = [];
  readonly options: PodOptions;
  readonly machine: FakeMachine;

  constructor(options: PodOptions, machine: FakeMachine) {
    this.options = options;
    this.machine = machine;
  }

  get ip(): string {
    return this.options.ip;
  }

  run(options: ProcessOptions): RunningProcess {
    return this.#start(new FakeProcess(options, this.machine.diary));
  }

  async replaceFiles(files: Readonly<Record<string, string>>): Promise<void> {
    this.machine.diary.push(`replace ${Object.keys(files).join(" ")}`);
  }

  runEnvoy({ serviceCluster }: EnvoyOptions): RunningProcess {
    return this.#start(new FakeProcess({ log: "envoy", argv: [serviceCluster] }, this.machine.diary));
  }

  probe(action: ProbeAction): Promise<ProbeResult> {
    return Promise.resolve(this.machine.answer(this, action));
  }

  async destroy(): Promise<void> {
    this.machine.diary.push(`destroy ${this.options.name}`);
    this.machine.pods.delete(this);
  }

  /** The latest process of a container. */
  latest(log: string): FakeProcess {
    const found = this.processes.findLast((one) => one.log === log);
    if (found === undefined) throw new Error(`nothing ran as ${log}`);
    return found;
  }

  #start(process: FakeProcess): FakeProcess {
    this.machine.diary.push(`start ${process.log}`);
    this.processes.push(process);
    return process;
  }
}

export class FakeMachine implements Machine {
  readonly stateDir = "/state";
  readonly diary: string[] = [];
  readonly pods = new Set<FakeSandbox>();
  services: readonly ServiceAddress[] = [];
  names: NameTable = { services: [] };
  /** How often `createPod` fails before it works. */
  failures = 0;
  /** How probes are answered. */
  answer: (pod: FakeSandbox, action: ProbeAction) => ProbeResult = () => ({ ok: true, detail: "" });

  async createPod(options: PodOptions): Promise<PodSandbox> {
    if (this.failures-- > 0) throw new Error("no room");
    this.diary.push(`create ${options.name}`);
    const pod = new FakeSandbox(options, this);
    this.pods.add(pod);
    return pod;
  }

  async setServices(table: readonly ServiceAddress[]): Promise<void> {
    this.services = table;
  }

  setNames(names: NameTable): void {
    this.names = names;
  }

  async close(): Promise<void> {}

  /** The sandbox of the pod whose name begins so. */
  pod(prefix: string): FakeSandbox {
    const found = [...this.pods].find(({ options }) => options.name.startsWith(prefix));
    if (found === undefined) throw new Error(`no pod ${prefix}`);
    return found;
  }
}
