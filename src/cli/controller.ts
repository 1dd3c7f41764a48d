/**
 * `osm controller`: the control plane as a process, in a cluster or beside one.
 *
 * `osm local up --control-plane external` starts it too, fed by a directory instead of an API server.
 *
 * @module
 */
import { hostname } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { writeControllerReport } from "../local/cluster/external-control-plane.ts";
import { type ControllerOptions, XDS_ADDRESS } from "../local/cluster/ports.ts";
import { type CertificateFlags, withCertificateFlags } from "./certificate-flags.ts";
import { stopSignal } from "./stop-signal.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What a control plane of a cluster is started with. */
export interface ClusterFlags extends CertificateFlags {
  readonly kubeconfig?: string;
  readonly meshName: string;
  readonly osmNamespace: string;
  readonly trustDomain: string;
  readonly xdsAddress: ListenAddress;
  readonly webhookAddress: ListenAddress;
  readonly httpAddress: ListenAddress;
  readonly apiAddress: ListenAddress;
  /** Of this replica. */
  readonly replica: string;
}

export interface ControllerCommands {
  /** Both resolve when `signal` is aborted and all is stopped. */
  runController(options: ControllerOptions, signal: AbortSignal): Promise<void>;
  runCluster(flags: ClusterFlags, signal: AbortSignal): Promise<void>;
}

interface LocalFlags {
  readonly objects?: string;
  readonly state?: string;
}

const ANYWHERE = (port: number): ListenAddress => ({ host: "0.0.0.0", port });

/** Reads `HOST:PORT`. */
export function parseListenAddress(text: string): ListenAddress {
  const [, host = "", digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === "" || port > 65_535) throw new InvalidArgumentError(`"${text}" is not HOST:PORT, such as 0.0.0.0:15128`);
  return { host, port };
}

export function controllerCommand(commands: ControllerCommands): Command {
  const address = (flag: string, what: string, port: number) =>
    new Option(`--${flag}-address <host:port>`, what)
      .argParser(parseListenAddress)
      .default(ANYWHERE(port), `0.0.0.0:${port}`);
  const { env } = process;
  const command = new Command("controller")
    .description("run the control plane of a cluster: in a pod of it, or anywhere with a kubeconfig")
    .option(
      "--kubeconfig <file>",
      "how to reach the API server; by default $KUBECONFIG, ~/.kube/config, the pod's account",
    )
    .option("--mesh-name <name>", "value of the label openservicemesh.io/monitored-by", "osm")
    .option("--osm-namespace <name>", "where MeshConfig and root of trust live", env["OSM_NAMESPACE"] ?? "osm-system")
    .option("--trust-domain <name>", "of all identities", "cluster.local")
    .option("--replica <name>", "what this replica is called", env["CONTROLLER_POD_NAME"] ?? hostname())
    .addOption(address("xds", "where proxies connect", XDS_ADDRESS.port))
    .addOption(address("webhook", "where the API server calls", 9090))
    .addOption(address("http", "health, version and metrics", 9091))
    .addOption(address("api", "the HTTP API", 9092));
  return withCertificateFlags(command)
    .addOption(new Option("--objects <dir>", "directory of JSON objects, instead of an API server").hideHelp())
    .addOption(new Option("--state <dir>", "state directory; goes with --objects").hideHelp())
    .action(async ({ objects, state, ...flags }: ClusterFlags & LocalFlags, command: Command) => {
      const stop = stopSignal();
      try {
        if (objects === undefined || state === undefined) await commands.runCluster(flags, stop.signal);
        else {
          // Inside the machine of `osm local` there is one address for it.
          const given = command.getOptionValueSource("xdsAddress") === "cli";
          const listen = given ? flags.xdsAddress : XDS_ADDRESS;
          const report: ControllerOptions["report"] = (known) => writeControllerReport(state, known);
          await commands.runController({ stateDir: state, listen, objectsDir: objects, report }, stop.signal);
        }
      } finally {
        stop.release();
      }
    });
}
