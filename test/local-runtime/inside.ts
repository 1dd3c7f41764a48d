/** Main program of a test's machine: does what it is told on standard input, one JSON value a line, and answers so. */
import { createInterface } from "node:readline";
import { openMachine } from "../../src/local/runtime/machine.ts";
import type {
  EnvoyOptions,
  NameTable,
  PodOptions,
  PodSandbox,
  ProbeAction,
  ProcessOptions,
  RunningProcess,
  ServiceAddress,
} from "../../src/local/runtime/ports.ts";

export type Order =
  | { readonly do: "pod"; readonly options: PodOptions }
  | { readonly do: "run"; readonly pod: string; readonly process: ProcessOptions }
  | { readonly do: "wait"; readonly pid: number }
  | { readonly do: "stop"; readonly pid: number; readonly grace: number }
  | { readonly do: "envoy"; readonly pod: string; readonly options: EnvoyOptions }
  | { readonly do: "probe"; readonly pod: string; readonly action: ProbeAction; readonly timeout: number }
  | { readonly do: "services"; readonly table: readonly ServiceAddress[] }
  | { readonly do: "names"; readonly names: NameTable }
  | { readonly do: "destroy"; readonly pod: string; readonly grace: number }
  | { readonly do: "close" };

// What follows the first two is how `osm` is started inside pods.
const [stateDir = "", envoy = "", ...osm] = process.argv.slice(2);
const machine = await openMachine({ stateDir, osm, ...(envoy === "" ? {} : { envoy }) });
const pods = new Map<string, PodSandbox>();
const running = new Map<number, RunningProcess>();

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case "pod": {
      const pod = await machine.createPod(order.options);
      pods.set(order.options.name, pod);
      return { pid: pod.pid, files: pod.files };
    }
    case "run":
      return remember(podOf(order.pod).run(order.process));
    case "envoy":
      return remember(podOf(order.pod).runEnvoy(order.options));
    case "wait":
      return await running.get(order.pid)?.exited;
    case "stop":
      return await running.get(order.pid)?.stop(order.grace);
    case "probe":
      return await podOf(order.pod).probe(order.action, order.timeout);
    case "services":
      return await machine.setServices(order.table);
    case "names":
      return machine.setNames(order.names);
    case "destroy":
      return await podOf(order.pod).destroy(order.grace);
    case "close":
      return await machine.close();
  }
}

function podOf(name: string): PodSandbox {
  const pod = pods.get(name);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  return pod;
}

function remember(process: RunningProcess): number {
  running.set(process.pid, process);
  return process.pid;
}

process.on("SIGTERM", () => void machine.close().then(() => process.exit(7)));
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, order } = JSON.parse(line);
  // Answers of one order must not hold up the next: a test waits for a process while it stops it.
  void obey(order).then(
    (result) => console.log(JSON.stringify({ id, result })),
    (error) => console.log(JSON.stringify({ id, error: String(error) })),
  );
}
process.exit(0);
