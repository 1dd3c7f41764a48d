/**
 * Reading an object around its mistakes: what is wrong is left out, so that its default stands.
 *
 * For the mesh's own configuration, where one bad value must not cost all the others.
 *
 * @module
 */
import * as v from "valibot";
import { isRecord } from "./fields.ts";
import { isMissingKey, issuePath, type Path } from "./issues.ts";

/** A schema can find more once the first mistakes are gone, but not forever. */
const ROUNDS = 8;

/**
 * What goes for a fault: the value at fault itself, or a part around it that means something else without it. undefined:
 * the object cannot do without.
 */
export type PartAtFault = (fault: Path) => Path | undefined;

export interface Mended<T> {
  /** undefined: not to be mended, since what is wrong has no default. */
  readonly value: T | undefined;
  readonly issues: readonly v.BaseIssue<unknown>[];
}

export function parseMending<S extends v.GenericSchema>(
  schema: S,
  raw: unknown,
  partOf: PartAtFault,
): Mended<v.InferOutput<S>> {
  const issues: v.BaseIssue<unknown>[] = [];
  let rest = raw;
  for (let round = 0; round < ROUNDS; round++) {
    const read = v.safeParse(schema, rest);
    if (read.success) return { value: read.output, issues };
    const known = issues.map(issuePath);
    // One by one: half a million of them are more arguments than a call takes.
    for (const issue of read.issues) {
      const path = issuePath(issue);
      if (!known.some((before) => isWithin(before, path) || isWithin(path, before))) issues.push(issue);
    }
    const parts = read.issues.map((issue) => partOf(faultOf(issue)));
    const gone = parts.filter((part) => part !== undefined);
    if (gone.length < parts.length) return { value: undefined, issues };
    rest = without(rest, gone);
  }
  return { value: undefined, issues };
}

/** An object that lacks what it must have goes as a whole. */
function faultOf(issue: v.BaseIssue<unknown>): Path {
  const path = issuePath(issue);
  return isMissingKey(issue) ? path.slice(0, -1) : path;
}

/** What was left out in one round can be missed in the next, by itself or by what held it: that is no new mistake. */
function isWithin(path: Path, outer: Path): boolean {
  return outer.every((key, i) => key === path[i]);
}

// Goes down only where there is a fault: what else the value holds may be deep, or even contain itself.
function without(value: unknown, faults: readonly Path[]): unknown {
  if (faults.length === 0) return value;
  const below = (key: string | number) => faults.filter(([first]) => first === key).map((path) => path.slice(1));
  const stays = (key: string | number) => !faults.some((path) => path.length === 1 && path[0] === key);
  if (Array.isArray(value)) return value.flatMap((one, i) => (stays(i) ? [without(one, below(i))] : []));
  if (!isRecord(value)) return value;
  const pairs = Object.entries(value).filter(([key]) => stays(key));
  return Object.fromEntries(pairs.map(([key, one]) => [key, without(one, below(key))]));
}
