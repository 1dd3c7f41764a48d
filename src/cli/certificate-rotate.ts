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
import { RotationAnswer } from "./certificate-answers.ts";

interface RotateFlags extends ApiFlags {
  readonly trustDomain?: string;
  readonly wait: boolean;
  readonly timeout: Millis;
}

const LOOK_EVERY: Millis = 500;
const TIMEOUT: Millis = 30 * 60_000;
/** Laggards that a line has room for. */
const NAMED = 5;

export function rotateCommand(name: string, alias?: string): Command {
  const command = new Command(name)
    .description("make a new root of trust and move the mesh to it, without a failed request")
    .option("-t, --trust-domain <name>", "of the new root; the mesh's own by default")
    .option("--no-wait", "do not wait for its end")
    .addOption(
      new Option("--timeout <duration>", "how long to wait at most").argParser(parseTime).default(TIMEOUT, "30m"),
    );
  for (const option of apiOptions()) command.addOption(option);
  if (alias !== undefined) command.alias(alias);
  return command.action(async ({ trustDomain, wait, timeout, ...flags }: RotateFlags) => {
    const client = apiClient(flags);
    const body = trustDomain === undefined ? {} : { trustDomain };
    const started = v.parse(RotationAnswer, await client.post("/api/v1/rotation/start", body));
    console.log(rotationLines(started)[0]);
    if (!wait) return;
    const ended = await untilSteady(client, { started, deadline: Date.now() + timeout });
    const wanted = started.next?.name;
    if (ended.root.name === wanted) return;
    throw new Error(`the rotation was rolled back: the root is ${ended.root.name}, not ${wanted ?? "a new one"}`);
  });
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
