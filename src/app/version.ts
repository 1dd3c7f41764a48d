/**
 * What this program is.
 *
 * @module
 */
import manifest from "../../package.json" with { type: "json" };
import type { VersionInfo } from "../http/health.ts";

export type BuildInfo = VersionInfo;

/** Commit and date come from the build; from source they are not known. */
export const BUILD: BuildInfo = {
  version: manifest.version,
  gitCommit: process.env["OSM_BUILD_COMMIT"] ?? "unknown",
  buildDate: process.env["OSM_BUILD_DATE"] ?? "unknown",
  runtime: runtimeName(),
};

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno !== undefined ? `deno ${deno}` : `node ${node ?? "?"}`;
}
