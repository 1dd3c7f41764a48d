/**
 * The state directory of one mesh: where it is, and what lies in it.
 *
 * @module
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Overlays } from "./desired.ts";
import type { RawObject } from "./raw-object.ts";

export const DEFAULT_NAME = "default";
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** Paths inside a state directory. */
export interface StatePaths {
  readonly dir: string;
  /** Unix socket of the control API. */
  readonly socket: string;
  readonly mesh: string;
  readonly overlays: string;
  /** Objects for an external control plane. */
  readonly objects: string;
  /** Output of an external control plane. */
  readonly controllerLog: string;
}

/**
 * Where the mesh `name` of this user keeps its state: below `XDG_RUNTIME_DIR`, which the system empties at log-out, or
 * the folder for temporary files.
 *
 * @throws Error for a name that is no DNS label of at most 32 characters.
 */
export function statePaths(name: string, env: Readonly<Record<string, string | undefined>> = process.env): StatePaths {
  if (!NAME.test(name))
    throw new Error(`"${name}" is no name for a mesh: use lower-case letters, digits and -, at most 32`);
  const uid = process.getuid?.() ?? 0;
  const runtime = env["XDG_RUNTIME_DIR"];
  const base = runtime !== undefined && runtime !== "" && existsSync(runtime) ? runtime : tmpdir();
  return pathsIn(join(base, `osm-local-${uid}`, name));
}

export function pathsIn(dir: string): StatePaths {
  return {
    dir,
    socket: join(dir, "api.sock"),
    mesh: join(dir, "mesh.json"),
    overlays: join(dir, "applied.json"),
    objects: join(dir, "objects"),
    controllerLog: join(dir, "logs", "control-plane.log"),
  };
}

/** Where the control plane of a mesh serves its HTTP API, and the token that it asks for. */
export function apiDoor(stateDir: string): { readonly socket: string; readonly token: string } {
  const folder = join(stateDir, "control-plane");
  return { socket: join(folder, "api.sock"), token: join(folder, "token") };
}

/**
 * Makes the directory for this user alone.
 *
 * @throws Error if it, or the one above it, belongs to somebody else: in a shared folder another user could have put
 * it there to read the mesh's keys.
 */
export function makeStateDir({ dir }: StatePaths): void {
  for (const path of [join(dir, ".."), dir]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const info = lstatSync(path);
    if (!info.isDirectory() || info.uid !== process.getuid?.())
      throw new Error(`${path} belongs to another user: remove it`);
    chmodSync(path, 0o700);
  }
}

export function removeStateDir({ dir }: StatePaths): void {
  rmSync(dir, { recursive: true, force: true });
  try {
    rmdirSync(join(dir, ".."));
  } catch {
    // another mesh of this user is in it, or it never was
  }
}

/** What `up` was started with, for whoever looks into the directory. */
export interface MeshRecord {
  readonly directory: string;
  readonly controlPlane: "embedded" | "external";
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

export function writeMeshRecord({ mesh }: StatePaths, record: MeshRecord): void {
  writeWhole(mesh, record);
}

const Applied = v.object({
  applied: v.array(v.custom<RawObject>((value) => typeof value === "object" && value !== null)),
  hidden: v.array(v.string()),
});

/** What was applied by hand, before a crash too. */
export function readOverlays({ overlays }: StatePaths): Overlays {
  const read = v.safeParse(Applied, readJson(overlays));
  return read.success ? read.output : { applied: [], hidden: [] };
}

export function writeOverlays({ overlays }: StatePaths, value: Overlays): void {
  writeWhole(overlays, value);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

// Readers see the old file or the new one, never half of one.
function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
