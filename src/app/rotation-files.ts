/**
 * Roots and the rotation's record of a mesh on one machine: folders and a file below `<state>/ca`.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { proveRoot } from "../ca/proof.ts";
import { openBuiltin } from "../ca/providers/builtin.ts";
import type { Millis } from "../core/base/millis.ts";
import { parseRecord, type RotationRecord, steadyOn } from "../rotation/record.ts";
import { type RootKeeper, RootOpener } from "../rotation/roots.ts";
import { RecordConflict, type RecordStore, Rotator } from "../rotation/rotator.ts";
import { openRoot } from "./root.ts";

/** The root that a mesh starts with: the folder itself. */
const FIRST = "osm-ca-bundle";
const now = (): Millis => Date.now();

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

function fileKeeper(folder: string): RootKeeper {
  const folderOf = (store: string): string => (store === FIRST ? folder : join(folder, "roots", store));
  return {
    async create(trustDomain) {
      const store = `${FIRST}--${randomBytes(4).toString("hex")}`;
      const { certificate } = await openRoot(folderOf(store));
      return { name: store, source: { kind: "builtin", store }, trustDomain, certificates: [certificate] };
    },
    async open({ name, source }) {
      if (source.kind !== "builtin") throw new Error(`the root ${name} is of ${source.kind}, which is for clusters`);
      // A root that is lost must not be made anew under its old name: nobody would trust it.
      return openBuiltin(await openRoot(folderOf(source.store), { make: source.store === FIRST }), now);
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
