/**
 * The demo from start to end: manifests out, mesh up, show or measure, everything down.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Millis } from "../core/base/millis.ts";
import { BASE_MANIFESTS, SWITCH_MANIFESTS } from "./manifests.ts";
import type { LocalMesh, LocalMeshes } from "./ports.ts";
import { untilReady } from "./ready.ts";
import { buildReport, type DemoReport } from "./report.ts";
import { resetCounters, takeSample } from "./sample.ts";
import type { Screen } from "./screen.ts";
import { isSwitchKey } from "./switches.ts";
import { Watch } from "./watch.ts";

export interface DemoInput {
  readonly meshes: LocalMeshes;
  /** Ends by itself after this span from readiness on; undefined: when `signal` aborts or "q" is pressed. */
  readonly duration: Millis | undefined;
  /** Makes the screen; called once the demo is ready. */
  readonly openScreen: (onKey: (key: string) => void) => Screen;
  /** Progress, for people. */
  readonly log: (line: string) => void;
  /** Told once where the files are that the keys apply, with the commands that do the same. */
  readonly hint: (line: string) => void;
  readonly signal: AbortSignal;
  /** For pods to become ready; two minutes by default. */
  readonly patience?: Millis;
}

/** Something is missing on this machine; the message has a line for each thing. */
class PreflightFailed extends Error {
  override readonly name = "PreflightFailed";
}

/**
 * Runs the demo. The mesh is down and the files are gone when this settles, however it ends.
 *
 * @returns The report; undefined if `signal` aborted before `duration` was over.
 * @throws PreflightFailed, or what kept the mesh from becoming ready.
 */
export async function runDemo(input: DemoInput): Promise<DemoReport | undefined> {
  const missing = await input.meshes.preflight();
  if (missing.length > 0)
    throw new PreflightFailed(`the demo cannot run on this machine:\n${missing.map((one) => `  ${one}`).join("\n")}`);
  const started = Date.now();
  const directory = await mkdtemp(join(tmpdir(), "osm-demo-"));
  try {
    await writeManifests(directory);
    input.log(`manifests are in ${directory}`);
    const { signal, log } = input;
    const launched = input.meshes.launch({ directory: join(directory, "mesh"), signal, log });
    const mesh = await unlessAborted(signal, launched);
    if (mesh === undefined) return undefined;
    try {
      return await unlessAborted(signal, showDemo(input, mesh, started, directory));
    } finally {
      log("taking everything down");
      await mesh.down();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What `work` gives; undefined if it failed after `signal` aborted: what was given up is no failure. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

// The switches lie beside the watched folder, not in it: there they would all be in force at once.
async function writeManifests(directory: string): Promise<void> {
  for (const [folder, files] of [
    ["mesh", BASE_MANIFESTS],
    ["switches", SWITCH_MANIFESTS],
  ] as const) {
    await mkdir(join(directory, folder), { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, folder, name), text);
  }
}

async function showDemo(
  input: DemoInput,
  mesh: LocalMesh,
  started: Millis,
  directory: string,
): Promise<DemoReport | undefined> {
  const { signal, log, hint, duration, openScreen, patience = 120_000 } = input;
  await untilReady({ mesh, signal, log, patience });
  if (signal.aborted) return undefined;
  const ready = Date.now() - started;
  log(`ready after ${(ready / 1000).toFixed(1)} s`);
  for (const line of switchCommands(join(directory, "switches"))) hint(line);

  await resetCounters(mesh);
  const watch = new Watch(mesh, await takeSample(mesh, Date.now()));
  const quit = new AbortController();
  const screen = openScreen((key) => {
    if (key === "q") quit.abort();
    // Never rejects: a failure is shown as a message.
    else if (isSwitchKey(key)) void watch.turn(key);
  });
  const timer = duration === undefined ? undefined : setTimeout(() => quit.abort(), duration);
  try {
    await watch.run(screen, AbortSignal.any([signal, quit.signal]));
  } finally {
    clearTimeout(timer);
    screen.close();
  }
  if (signal.aborted && duration !== undefined) return undefined;
  return buildReport(ready, await takeSample(mesh, Date.now()));
}

function switchCommands(folder: string): readonly string[] {
  const apply = (file: keyof typeof SWITCH_MANIFESTS): string => `  osm local apply -f ${join(folder, file)}`;
  return [
    "The keys' work can be done from another terminal:",
    apply("permissive-on.yaml"),
    apply("permissive-off.yaml"),
    apply("allow-bookthief.yaml"),
    apply("deny-bookthief.yaml"),
    apply("split-100-0.yaml"),
    apply("split-90-10.yaml"),
    apply("split-50-50.yaml"),
    apply("split-0-100.yaml"),
  ];
}
