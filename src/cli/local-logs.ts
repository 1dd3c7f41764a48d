/**
 * `osm local logs NAMESPACE/POD`: what a container wrote.
 *
 * @module
 */
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { Millis } from "../core/base/millis.ts";
import { meshClient } from "../local/cluster/api-client.ts";
import { statePaths } from "../local/cluster/state-dir.ts";
import { type MeshFlags, meshNameOption } from "./mesh-name.ts";
import { stopSignal } from "./stop-signal.ts";

interface LogFlags extends MeshFlags {
  readonly container?: string;
  readonly follow?: true;
  readonly tail?: number;
}

const LOOK_EVERY: Millis = 200;

export function logsCommand(): Command {
  return new Command("logs")
    .description("print what a container wrote")
    .argument("<pod>", "NAMESPACE/POD, or NAMESPACE/WORKLOAD for its first ready pod")
    .option("-c, --container <name>", "the first by default; envoy is the sidecar")
    .option("-f, --follow", "go on until Ctrl-C")
    .option("--tail <lines>", "only the last lines", parseCount)
    .addOption(meshNameOption())
    .action(async (pod: string, { name, container, follow, tail }: LogFlags) => {
      const path = await meshClient(statePaths(name)).logPath(pod, container);
      const end = await printEnd(path, tail);
      if (follow === true) await printGrowth(path, end);
    });
}

function parseCount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a number of lines, such as 20");
}

/** @returns How far it read. A container that wrote nothing yet has no file. */
async function printEnd(path: string, tail: number | undefined): Promise<number> {
  const bytes = await readFrom(path, 0);
  const text = bytes.toString("utf8");
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  const kept =
    tail === undefined || text === "" ? text : `${lines.slice(Math.max(0, lines.length - tail)).join("\n")}\n`;
  process.stdout.write(tail === 0 ? "" : kept);
  return bytes.length;
}

async function printGrowth(path: string, start: number): Promise<void> {
  const stop = stopSignal();
  for (let at = start; !stop.signal.aborted; ) {
    await sleep(LOOK_EVERY);
    const bytes = await readFrom(path, at);
    process.stdout.write(bytes);
    at += bytes.length;
    // A log that grew too long was cut: go on at its new beginning.
    if (bytes.length === 0 && (await sizeOf(path)) < at) at = 0;
  }
  stop.release();
}

async function readFrom(path: string, start: number): Promise<Buffer> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.max(0, size - start));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path).catch(() => undefined);
  const info = await file?.stat();
  await file?.close();
  return info?.size ?? 0;
}
