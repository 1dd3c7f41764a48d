/**
 * `osm local apply -f FILE` and `osm local delete -f FILE`: objects over those of the watched directory.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { type MeshClient, meshClient, type Outcomes } from "../local/cluster/api-client.ts";
import { statePaths } from "../local/cluster/state-dir.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";

interface FileFlags extends MeshFlags {
  readonly filename: readonly string[];
}

const STANDARD_INPUT = 0;

export function applyCommand(): Command {
  return fileCommand("apply", "create objects, or change them; they win over the directory's version", (client, text) =>
    client.apply(text),
  );
}

export function deleteCommand(): Command {
  return fileCommand(
    "delete",
    "delete objects; what was applied over a file's object uncovers it again",
    (client, text) => client.delete(text),
  );
}

function fileCommand(
  verb: "apply" | "delete",
  description: string,
  send: (client: MeshClient, text: string) => Promise<Outcomes>,
): Command {
  return new Command(verb)
    .description(description)
    .requiredOption("-f, --filename <file...>", "manifests, or - for standard input")
    .addOption(meshNameOption())
    .action(async ({ filename, name }: FileFlags) => {
      const client = meshClient(statePaths(name));
      for (const file of filename) tellOutcomes(await send(client, readManifest(file)));
    });
}

function readManifest(file: string): string {
  try {
    return readFileSync(file === "-" ? STANDARD_INPUT : file, "utf8");
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function tellOutcomes({ warnings, objects }: Outcomes): void {
  for (const warning of warnings) console.error(warning);
  for (const { kind, namespace, name, outcome } of objects) {
    const where = namespace === "" ? name : `${namespace}/${name}`;
    if (outcome === "not found") process.exitCode = 1;
    const note = outcome === "restored" ? "deleted; the directory's version is in force again" : outcome;
    console.log(`${kind} ${where} ${note}`);
  }
}
