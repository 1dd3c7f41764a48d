/**
 * An image of one layer as an archive that both sides read: an OCI layout, and `docker load`'s list beside it.
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

interface Blob {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/";
const OCI = "application/vnd.oci.image";
/** containerd keeps images under their full names; this is what it takes a name without a registry for. */
const IMPLIED_REGISTRY = "docker.io";
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** @throws Error on a machine whose architecture has no name among images. */
export async function imageArchive(image: Image): Promise<Buffer> {
  const layerTar = await tarball(withFolders(image.files));
  const layer = { bytes: gzipSync(layerTar), mediaType: `${OCI}.layer.v1.tar+gzip` };
  const config = json(`${OCI}.config.v1+json`, {
    architecture: architecture(),
    os: "linux",
    created: new Date(0).toISOString(),
    config: { Env: [PATH, ...(image.env ?? [])], Entrypoint: image.entrypoint, User: image.user, WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [digest(layerTar)] },
  });
  const manifest = json(`${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: descriptor(config),
    layers: [descriptor(layer)],
  });
  return await tarball(
    new Map([
      ["oci-layout", plain({ imageLayoutVersion: "1.0.0" })],
      ["index.json", plain(index(image.name, manifest))],
      ["manifest.json", plain([{ Config: path(config), RepoTags: [image.name], Layers: [path(layer)] }])],
      ["blobs", { kind: "folder", mode: 0o755 }],
      ["blobs/sha256", { kind: "folder", mode: 0o755 }],
      ...[layer, config, manifest].map((blob): [string, Entry] => [path(blob), file(blob.bytes)]),
    ]),
  );
}

function index(name: string, manifest: Blob): unknown {
  const annotations = {
    "io.containerd.image.name": `${IMPLIED_REGISTRY}/${name}`,
    "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
  };
  return {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [{ ...descriptor(manifest), annotations, platform: { os: "linux", architecture: architecture() } }],
  };
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

function descriptor({ bytes, mediaType }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digest(bytes), size: bytes.length };
}

function digest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function path({ bytes }: Blob): string {
  return `blobs/${digest(bytes).replace(":", "/")}`;
}

function json(mediaType: string, value: unknown): Blob {
  return { bytes: Buffer.from(JSON.stringify(value)), mediaType };
}

function plain(value: unknown): Entry {
  return file(Buffer.from(JSON.stringify(value)));
}

function file(bytes: Uint8Array): Entry {
  return { kind: "file", bytes, mode: 0o644 };
}
