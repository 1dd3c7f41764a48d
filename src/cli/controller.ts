/**
 * `osm controller`: the control plane as a process of its own, as `osm local up --control-plane external` starts it.
 *
 * @module
 */
import { Command } from "commander";
import { writeControllerReport } from "../local/cluster/external-control-plane.ts";
import { type ControllerOptions, XDS_ADDRESS } from "../local/cluster/ports.ts";
import { stopSignal } from "./stop-signal.ts";

export type RunController = (options: ControllerOptions, signal: AbortSignal) => Promise<void>;

interface ControllerFlags {
  readonly objects: string;
  readonly state: string;
}

export function controllerCommand(runController: RunController): Command {
  return new Command("controller")
    .description("run the control plane alone, fed by a directory of objects")
    .requiredOption("--objects <dir>", "directory of JSON objects, watched")
    .requiredOption("--state <dir>", "state directory of the mesh; its root of trust is in ca/")
    .action(async ({ objects, state }: ControllerFlags) => {
      const stop = stopSignal();
      try {
        await runController(
          {
            stateDir: state,
            listen: XDS_ADDRESS,
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
