/**
 * `osm version`.
 *
 * @module
 */
import { Command } from "commander";

export interface VersionInfo {
  readonly version: string;
  /** What runs it, such as `bun 1.4.5`. */
  readonly runtime: string;
}

export function versionCommand(info: VersionInfo): Command {
  return new Command("version")
    .description("print the version")
    .option("--json", "as one JSON object")
    .action(({ json }: { readonly json?: true }) => {
      console.log(json === true ? JSON.stringify(info) : `osm ${info.version} (${info.runtime})`);
    });
}
