/**
 * `osm local down`: takes a mesh down, or what is left of it.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { Command } from "commander";
import type { Millis } from "../core/base/millis.ts";
import { removeStateDir, statePaths } from "../local/cluster/state-dir.ts";
import { stopMachine } from "../local/runtime/launch.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";

/** Pods have five seconds; the rest is for slow machines. */
const GRACE: Millis = 20_000;

export function downCommand(): Command {
  return new Command("down")
    .description("stop a mesh and remove all that is left of it")
    .addOption(meshNameOption())
    .action(async ({ name }: MeshFlags) => {
      const paths = statePaths(name);
      const known = existsSync(paths.dir);
      const stopped = known && (await stopMachine(paths.dir, GRACE));
      removeStateDir(paths);
      console.error(stopped ? `mesh ${name} is down` : `mesh ${name} does not run`);
    });
}
