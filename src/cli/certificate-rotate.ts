/**
 * `osm certificate rotate`: starts the change of the root, says how it goes, and waits for its end.
 *
 * OSM slept a fixed time between steps; here the control plane waits for every proxy, and the command for the control
 * plane. Interrupting the command does not interrupt the rotation.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import * as v from "valibot";
import type { Millis } from "../core/base/millis.ts";
import { parseDuration } from "../core/base/millis.ts";
import { MeshDown } from "../local/cluster/api-client.ts";
import { type ApiClient, type ApiFlags, apiClient, apiOptions } from "./api-client.ts";
import { Forgotten, RotationAnswer } from "./certificate-answers.ts";
import { type RootFlags, startBody, withRootFlags } from "./certificate-root.ts";

interface RotateFlags extends ApiFlags, RootFlags {
  /** OSM's script may give a time that it slept between steps. */
  readonly wait?: boolean | Millis;
  readonly delete?: boolean;
  readonly timeout: Millis;
  /** OSM's name for `name`. */
  readonly meshName?: string;
}

const LOOK_EVERY: Millis = 500;
const TIMEOUT: Millis = 30 * 60_000;
/** Laggards that a line has room for. */
const NAMED = 5;

export function rotateCommand(): Command {
  return rotateBy(new Command("rotate"));
}

/** As OSM had it, with its flags. */
export function alphaRotateCommand(): Command {
  const command = new Command("rotate")
    .alias("mrc")
    .option("--mesh-name <name>", "as --name")
    .option("-y, --accept", "accepted: nothing is asked")
    .addOption(
      new Option(
        "-w, --wait <duration>",
        "accepted: the control plane waits for a proof of every proxy, and for no time",
      ).argParser(parseTime),
    );
  return rotateBy(command);
}

function rotateBy(command: Command): Command {
  withRootFlags(
    command.description("move the mesh to another root of trust, a new one by default, without a failed request"),
  )
    .option("-d, --delete", "forget the old root at the end: its Secret if osm made it, and its MeshRootCertificate")
    .option("--no-wait", "do not wait for its end")
    .addOption(
      new Option("--timeout <duration>", "how long to wait at most").argParser(parseTime).default(TIMEOUT, "30m"),
    );
  for (const option of apiOptions()) command.addOption(option);
  return command.action((flags: RotateFlags) => rotate(flags, command));
}

async function rotate(flags: RotateFlags, command: Command): Promise<void> {
  const { name, meshName = name, timeout } = flags;
  const waits = flags.wait !== false;
  if (flags.delete === true && !waits) throw new Error("--delete is for the end: leave --no-wait out");
  const body = startBody(flags, command);
  const client = apiClient({ ...flags, name: meshName });
  const before = await rotationState(client);
  const started = v.parse(RotationAnswer, await client.post("/api/v1/rotation/start", body));
  console.log(rotationLines(started)[0]);
  if (!waits) return;
  // A mesh without proxies may be through already.
  const wanted = (started.next ?? started.root).name;
  const ended = await untilSteady(client, { started, deadline: Date.now() + timeout });
  if (ended.root.name !== wanted)
    throw new Error(`the rotation was rolled back: the root is ${ended.root.name}, not ${wanted}`);
  if (flags.delete === true) await forgetRoot(client, before.root.name);
}

async function rotationState(client: ApiClient): Promise<RotationAnswer> {
  return v.parse(RotationAnswer, await client.get("/api/v1/rotation"));
}

/** Says what was deleted. */
export async function forgetRoot(client: ApiClient, root: string): Promise<void> {
  const { deleted } = v.parse(Forgotten, await client.post("/api/v1/rotation/forget", { root }));
  for (const one of deleted) console.log(`deleted ${one}`);
}

interface Waiting {
  readonly started: RotationAnswer;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

async function untilSteady(client: ApiClient, { started, deadline }: Waiting): Promise<RotationAnswer> {
  let said = rotationLines(started).join("\n");
  for (;;) {
    await sleep(LOOK_EVERY);
    // A control plane that restarts goes on from where it was.
    const answer = await client.get("/api/v1/rotation").catch((error: unknown) => {
      if (!(error instanceof MeshDown) || Date.now() > deadline) throw error;
      return undefined;
    });
    if (answer === undefined) continue;
    const state = v.parse(RotationAnswer, answer);
    const lines = rotationLines(state).join("\n");
    if (lines !== said) console.log(lines);
    said = lines;
    if (state.phase === "steady") return state;
    if (Date.now() > deadline)
      throw new Error("the rotation is not over yet, and goes on; `osm certificate status` says how it stands");
  }
}

export function rotationLines({ phase, root, next, proxies, laggards }: RotationAnswer): readonly string[] {
  const first = `${phaseText(phase, root.name, next?.name ?? "")}; ${proxies.passed} of ${proxies.total} proxies`;
  const named = laggards.slice(0, NAMED).map(({ name, reason }) => `  ${name} ${reason}`);
  const left = laggards.length - named.length;
  return [first, ...named, ...(left > 0 ? [`  and ${left} more`] : [])];
}

function phaseText(phase: RotationAnswer["phase"], from: string, to: string): string {
  switch (phase) {
    case "steady":
      return `steady: ${from} signs and is trusted`;
    case "trusting":
      return `trusting: ${from} signs, ${to} is trusted too`;
    case "issuing":
      return `issuing: ${to} signs, ${from} is still trusted`;
    case "returning":
      return `returning: ${from} signs again, ${to} is still trusted`;
  }
}

function parseTime(text: string): Millis {
  const parsed = parseDuration(text);
  if (parsed === undefined || parsed <= 0) throw new InvalidArgumentError(`"${text}" is no duration, such as 10m`);
  return parsed;
}
