/**
 * `osm controller`: the control plane as a process of its own, as `osm local up --control-plane external` starts it.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { writeControllerReport } from "../local/cluster/external-control-plane.ts";
import { type ControllerOptions, XDS_ADDRESS } from "../local/cluster/ports.ts";
import { stopSignal } from "./stop-signal.ts";

export type RunController = (options: ControllerOptions, signal: AbortSignal) => Promise<void>;

interface ControllerFlags {
  readonly objects: string;
  readonly state: string;
  readonly xdsAddress: ListenAddress;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST:PORT`. */
export function parseListenAddress(text: string): ListenAddress {
  const [, host = "", digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === "" || port > 65_535) throw new InvalidArgumentError(`"${text}" is not HOST:PORT, such as 0.0.0.0:15128`);
  return { host, port };
}

export function controllerCommand(runController: RunController): Command {
  return new Command("controller")
    .description("run the control plane alone, fed by a directory of objects")
    .requiredOption("--objects <dir>", "directory of JSON objects, watched")
    .requiredOption("--state <dir>", "state directory of the mesh; its root of trust is in ca/")
    .option("--xds-address <host:port>", "where proxies connect", parseListenAddress, XDS_ADDRESS)
    .action(async ({ objects, state, xdsAddress }: ControllerFlags) => {
      const stop = stopSignal();
      try {
        await runController(
          {
            stateDir: state,
            listen: xdsAddress,
            objectsDir: objects,
            report: (known) => writeControllerReport(state, known),
          },
          stop.signal,
        );
      } finally {
        stop.release();
      }
    });
}
