/**
 * The option that says which mesh of this user a command means.
 *
 * @module
 */
import { Option } from "commander";
import { DEFAULT_NAME } from "../local/cluster/state-dir.ts";

export interface MeshFlags {
  readonly name: string;
}

export function meshNameOption(): Option {
  return new Option("--name <name>", "which mesh, if several run").default(DEFAULT_NAME);
}
