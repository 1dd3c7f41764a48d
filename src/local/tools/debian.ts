/**
 * Fetches iptables and iproute2 on Debian and its relatives without installing anything: the packages are downloaded
 * by apt with a private state folder and unpacked into the cache. Needs no root.
 *
 * @module
 */

import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { cacheFolder, findProgram, isExecutable } from "./find.ts";

/** Package that holds a program, and the file in it: the usual names are links that only an installation makes. */
const PROGRAMS: Readonly<
  Record<string, { readonly package: string; readonly file: string; readonly args: readonly string[] }>
> = {
  ip: { package: "iproute2", file: "ip", args: [] },
  "iptables-restore": { package: "iptables", file: "xtables-nft-multi", args: ["iptables-restore"] },
  "iptables-nft-restore": { package: "iptables", file: "xtables-nft-multi", args: ["iptables-restore"] },
  "iptables-legacy-restore": { package: "iptables", file: "xtables-legacy-multi", args: ["iptables-restore"] },
};
const PROGRAM_FOLDERS = ["usr/sbin", "usr/bin", "sbin", "bin"];
const LIBRARY_FOLDERS = ["usr/lib", "lib"];
const STATUS = "/var/lib/dpkg/status";
const DOWNLOAD_TIMEOUT = 180_000;

/** The beginning of an argv that runs a program fetched earlier, with its own libraries; undefined if it was not. */
export function fetchedTool(program: string): readonly string[] | undefined {
  const known = PROGRAMS[program];
  if (known === undefined) return undefined;
  const root = join(packagesFolder(), known.package);
  const path = PROGRAM_FOLDERS.map((folder) => join(root, folder, known.file)).find(isExecutable);
  if (path === undefined) return undefined;
  const libraries = libraryFolders(root);
  const settings = [
    `LD_LIBRARY_PATH=${libraries.join(":")}`,
    ...libraries
      .map((folder) => join(folder, "xtables"))
      .filter(existsSync)
      .map((folder) => `XTABLES_LIBDIR=${folder}`),
  ];
  return [findProgram("env") ?? "env", ...settings, path, ...known.args];
}

/** Whether `fetchTool` has a chance here: apt and dpkg are there, and the program is one of those it knows. */
export function canFetch(program: string): boolean {
  return PROGRAMS[program] !== undefined && canFetchPackages();
}

/** Whether `unpackedPackage` has a chance here. */
export function canFetchPackages(): boolean {
  return ["apt-get", "dpkg-deb"].every((name) => findProgram(name) !== undefined) && existsSync(STATUS);
}

/**
 * Downloads and unpacks the package of `program` and those of its dependencies that are not installed.
 *
 * Safe beside another run: everything is made in a folder of its own and renamed into place.
 *
 * @throws Error naming the package and what apt said.
 */
export async function fetchTool(program: string): Promise<readonly string[]> {
  const known = PROGRAMS[program];
  if (known === undefined) throw new Error(`${program} is in no package known here`);
  await fetchPackage(known.package);
  const tool = fetchedTool(program);
  if (tool === undefined) throw new Error(`package ${known.package} holds no ${known.file}`);
  return tool;
}

/**
 * The folder of an unpacked package, fetched unless an earlier run did. Beside the package's own files it holds those of
 * its dependencies that are not installed here.
 *
 * @throws Error naming the package and what is missing or what apt said.
 */
export async function unpackedPackage(name: string): Promise<string> {
  const folder = join(packagesFolder(), name);
  if (existsSync(folder)) return folder;
  if (!canFetchPackages()) throw new Error(`package ${name} cannot be fetched: there is no apt-get and dpkg-deb here`);
  await fetchPackage(name);
  return folder;
}

async function fetchPackage(name: string): Promise<void> {
  await mkdir(packagesFolder(), { recursive: true });
  const work = await mkdtemp(join(packagesFolder(), `.${name}-`));
  try {
    await unpack(await download(name, work), join(work, "root"));
    const target = join(packagesFolder(), name);
    await rm(target, { recursive: true, force: true });
    await rename(join(work, "root"), target).catch(() => undefined); // another run was faster: its copy is as good
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(name: string, work: string): Promise<string[]> {
  const archives = join(work, "cache", "archives");
  await mkdir(join(archives, "partial"), { recursive: true });
  await mkdir(join(work, "state", "lists", "partial"), { recursive: true });
  // A copy, so that apt's locks lie in our folder; and what is installed is not downloaded again.
  await copyFile(STATUS, join(work, "state", "status"));
  const apt = [findProgram("apt-get") ?? "apt-get", "-qq", ...privateState(work)];
  try {
    await runCommand([...apt, "update"], { timeout: DOWNLOAD_TIMEOUT });
    const install = ["install", "-y", "--no-install-recommends", "--download-only", "--reinstall", name];
    await runCommand([...apt, ...install], { timeout: DOWNLOAD_TIMEOUT });
  } catch (cause) {
    throw new Error(`package ${name} could not be downloaded: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  return (await readdir(archives)).filter((file) => file.endsWith(".deb")).map((file) => join(archives, file));
}

function privateState(work: string): string[] {
  const options = {
    "Dir::State": join(work, "state"),
    "Dir::State::status": join(work, "state", "status"),
    "Dir::Cache": join(work, "cache"),
    "Dir::Log": work,
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "1",
  };
  return Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

async function unpack(archives: readonly string[], root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const archive of archives) await runCommand([findProgram("dpkg-deb") ?? "dpkg-deb", "-x", archive, root]);
}

/** Where the libraries of an unpacked package are: `usr/lib/x86_64-linux-gnu` and such. */
export function libraryFolders(root: string): string[] {
  return LIBRARY_FOLDERS.map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.includes("-linux-gnu"))
        .map((name) => join(folder, name)),
    );
}

function packagesFolder(): string {
  return join(cacheFolder(), "debian");
}
