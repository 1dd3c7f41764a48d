/**
 * What is in each image.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ENVOY_UID } from "../../../src/core/inject/names.ts";
import { libraryFolders, unpackedPackage } from "../../../src/local/tools/debian.ts";
import { envoyBinary } from "../../../src/local/tools/envoy.ts";
import { CONTROLLER_UID, IMAGES } from "../names.ts";
import type { Image } from "./archive.ts";
import { linkedLibraries } from "./libraries.ts";
import type { Entry } from "./tarball.ts";

type Files = readonly (readonly [string, Entry])[];

/** The executable, the libraries that it is linked with, and a name for its user. */
export async function osmImage(executable: string): Promise<Image> {
  return {
    name: IMAGES.osm,
    entrypoint: ["/osm"],
    user: `${CONTROLLER_UID}:${CONTROLLER_UID}`,
    files: new Map([...(await program(executable, "osm")), ...names("osm", CONTROLLER_UID)]),
  };
}

export async function envoyImage(): Promise<Image> {
  return {
    name: IMAGES.envoy,
    entrypoint: ["/usr/local/bin/envoy"],
    user: `${ENVOY_UID}:${ENVOY_UID}`,
    files: new Map([...(await program(await envoyBinary(), "usr/local/bin/envoy")), ...names("envoy", ENVOY_UID)]),
  };
}

const XTABLES = ["xtables-nft-multi", "xtables-legacy-multi"];

/** A shell and both variants of iptables, out of Debian's packages. The shell is static; busybox has what little is needed. */
export async function initImage(): Promise<Image> {
  const [iptables, busybox] = [await unpackedPackage("iptables"), await unpackedPackage("busybox-static")];
  const programs = XTABLES.map((name) => join(iptables, "usr/sbin", name));
  const folders = libraryFolders(iptables);
  const modules = folders
    .map((folder) => join(folder, "xtables"))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const libraries = await linkedLibraries([...programs, ...modules], folders);
  const inImage = (path: string) => (path.startsWith(`${iptables}/`) ? relative(iptables, path) : path.slice(1));
  return {
    name: IMAGES.init,
    entrypoint: ["/bin/sh"],
    user: "0:0",
    // The root file system may be read-only, and the older variant wants a lock file.
    env: ["XTABLES_LOCKFILE=/dev/shm/xtables.lock"],
    files: new Map<string, Entry>([
      ["bin/busybox", fileAt(busyboxIn(busybox), 0o755)],
      ...["sh", "cat"].map((name): [string, Entry] => [`bin/${name}`, { kind: "link", to: "busybox" }]),
      ...[...programs, ...modules, ...libraries].map((path): [string, Entry] => [inImage(path), fileAt(path, 0o755)]),
      ...links("xtables-nft-multi", ["iptables", "iptables-save", "iptables-nft", "iptables-nft-restore"]),
      ...links("xtables-legacy-multi", ["iptables-legacy", "iptables-legacy-restore", "iptables-legacy-save"]),
      ["usr/sbin/iptables-restore", fileAt(join(import.meta.dirname, "iptables-restore.sh"), 0o755)],
      ...names("root", 0),
    ]),
  };
}

async function program(from: string, to: string): Promise<Files> {
  const libraries = await linkedLibraries([from]);
  return [[to, fileAt(from, 0o755)], ...libraries.map((path) => [path.slice(1), fileAt(path, 0o755)] as const)];
}

function busyboxIn(root: string): string {
  const path = ["bin/busybox", "usr/bin/busybox"].map((name) => join(root, name)).find(existsSync);
  if (path === undefined) throw new Error(`package busybox-static holds no busybox in ${root}`);
  return path;
}

function links(to: string, names: readonly string[]): Files {
  return names.map((name) => [`usr/sbin/${name}`, { kind: "link", to }]);
}

function names(user: string, id: number): Files {
  const text = (content: string): Entry => ({ kind: "file", bytes: Buffer.from(content), mode: 0o644 });
  return [
    ["etc/passwd", text(`${user}:x:${id}:${id}:${user}:/:/bin/false\n`)],
    ["etc/group", text(`${user}:x:${id}:\n`)],
    // Without it, names are asked of the DNS before /etc/hosts, where a pod has its own.
    ["etc/nsswitch.conf", text("hosts: files dns\n")],
  ];
}

function fileAt(path: string, mode: number): Entry {
  return { kind: "file", bytes: readFileSync(path), mode };
}
