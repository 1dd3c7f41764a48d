/**
 * An image of one layer as an archive of the form that `docker save` writes, which all sides read.
 *
 * Not an OCI layout, nor both: of that, containerd takes a name as it stands, so it would have to say the registry that
 * a name without one is found under. The names of this form are read as a manifest's are.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Entries, type Entry, tarball } from "./tarball.ts";

export interface Image {
  /** `name:tag` as a manifest has it, without a registry. */
  readonly name: string;
  readonly files: Entries;
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly env?: readonly string[];
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/";
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** @throws Error on a machine whose architecture has no name among images. */
export async function imageArchive(image: Image): Promise<Buffer> {
  const layerTar = await tarball(withFolders(image.files));
  const layer = gzipSync(layerTar);
  const config = json({
    architecture: architecture(),
    os: "linux",
    created: new Date(0).toISOString(),
    config: { Env: [PATH, ...(image.env ?? [])], Entrypoint: image.entrypoint, User: image.user, WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [digest(layerTar)] },
  });
  return await tarball(
    new Map([
      ["manifest.json", file(json([{ Config: path(config), RepoTags: [image.name], Layers: [path(layer)] }]))],
      ["blobs", { kind: "folder", mode: 0o755 }],
      ["blobs/sha256", { kind: "folder", mode: 0o755 }],
      ...[layer, config].map((blob): [string, Entry] => [path(blob), file(blob)]),
    ]),
  );
}

/** Adds the folders that the paths lie in, and the two that programs expect. */
function withFolders(files: Entries): Entries {
  const folders = [...files.keys()].flatMap((name) => {
    const parts = name.split("/").slice(0, -1);
    return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  });
  return new Map<string, Entry>([
    ...folders.map((name): [string, Entry] => [name, { kind: "folder", mode: 0o755 }]),
    ["run", { kind: "folder", mode: 0o755 }],
    ["tmp", { kind: "folder", mode: 0o1777 }],
    ...files,
  ]);
}

function architecture(): string {
  const name = ARCHITECTURES[process.arch];
  if (name === undefined)
    throw new Error(`no image can be made on ${process.arch}: only on ${Object.keys(ARCHITECTURES)}`);
  return name;
}

function digest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function path(blob: Uint8Array): string {
  return `blobs/${digest(blob).replace(":", "/")}`;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function file(bytes: Uint8Array): Entry {
  return { kind: "file", bytes, mode: 0o644 };
}
