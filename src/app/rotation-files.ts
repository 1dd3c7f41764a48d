/**
 * Roots and the rotation's record of a mesh on one machine: folders and a file below `<state>/ca`.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { proveRoot } from "../ca/proof.ts";
import { openBuiltin } from "../ca/providers/builtin.ts";
import type { Millis } from "../core/base/millis.ts";
import { refuseIfInUse } from "../rotation/in-use.ts";
import { parseRecord, type RotationRecord, RotationRefused, steadyOn } from "../rotation/record.ts";
import { type RootKeeper, RootOpener } from "../rotation/roots.ts";
import { RecordConflict, type RecordStore, Rotator } from "../rotation/rotator.ts";
import { openRoot, removeRoot } from "./root.ts";
import type { RootWays } from "./rotation-levers.ts";

/** The root that a mesh starts with: the folder itself. */
const FIRST = "osm-ca-bundle";
/** Names that are given here: a name from outside must not lead to another folder. */
const MADE_HERE = /^osm-ca-bundle(?:--[0-9a-f]{8})?$/;
const now = (): Millis => Date.now();

/** Where a mesh on one machine keeps its roots. */
export function rootFolder(stateDir: string): string {
  return join(stateDir, "ca");
}

/** Opens the mesh's roots, making the first if there is none. Rejects if one that has to sign cannot be read. */
export async function openRotation(folder: string, trustDomain: string): Promise<Rotator> {
  const keeper = fileKeeper(folder);
  const source = { kind: "builtin", store: FIRST } as const;
  const first = { name: FIRST, source, trustDomain, certificates: [] };
  const rotator = await Rotator.open({
    store: fileStore(join(folder, "rotation.json")),
    opener: new RootOpener(keeper, now, (authority) => proveRoot(authority, [])),
    initial: steadyOn(first, 0),
    now,
  });
  await rotator.keep();
  return rotator;
}

/** Levers of a mesh whose roots are in `folder`. */
export function fileRoots(folder: string, rotator: Rotator): RootWays {
  return {
    async start({ trustDomain, provider, meshRootCertificate, name }) {
      if (provider !== undefined)
        throw new RotationRefused(
          "a mesh on one machine signs with roots of its own: leave the provider out, or rotate in a cluster",
        );
      if ((meshRootCertificate ?? name) !== undefined)
        throw new RotationRefused(
          "a mesh on one machine keeps its roots in files: leave MeshRootCertificates and their names out",
        );
      return rotator.start(trustDomain === undefined ? {} : { trustDomain });
    },
    rollBack: () => rotator.rollBack(),
    async forget(root) {
      await rotator.refresh();
      refuseIfInUse(rotator.roots().record, { name: root, store: root });
      const removed = MADE_HERE.test(root) ? removeRoot(folderOf(folder, root)) : [];
      if (removed.length === 0)
        throw new RotationRefused(
          `there is no root ${root} in ${folder}: \`osm certificate status\` names those in use`,
        );
      if (root !== FIRST) rmSync(folderOf(folder, root), { recursive: true });
      return removed;
    },
  };
}

function folderOf(folder: string, store: string): string {
  return store === FIRST ? folder : join(folder, "roots", store);
}

function fileKeeper(folder: string): RootKeeper {
  return {
    async create(trustDomain) {
      const store = `${FIRST}--${randomBytes(4).toString("hex")}`;
      const { certificate } = await openRoot(folderOf(folder, store));
      return { name: store, source: { kind: "builtin", store }, trustDomain, certificates: [certificate] };
    },
    async open({ name, source }) {
      if (source.kind !== "builtin") throw new Error(`the root ${name} is of ${source.kind}, which is for clusters`);
      // A root that is lost must not be made anew under its old name: nobody would trust it.
      return openBuiltin(await openRoot(folderOf(folder, source.store), { make: source.store === FIRST }), now);
    },
  };
}

function fileStore(path: string): RecordStore {
  const text = (): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  };
  return {
    async read() {
      const found = text();
      return found === undefined ? undefined : { record: parseRecord(found, path), revision: revisionOf(found) };
    },
    async write(record: RotationRecord, before) {
      const found = text();
      const revision = found === undefined ? undefined : revisionOf(found);
      if (revision !== before) throw new RecordConflict(`${path} was changed in between`);
      const next = `${JSON.stringify(record, undefined, 2)}\n`;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, next, { mode: 0o600, flush: true });
      renameSync(`${path}.new`, path);
      return revisionOf(next);
    },
  };
}

function revisionOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
