/**
 * Tells of each phase of a change of the root, and of one that is held back for long, by Events of the leader.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Progress } from "../rotation/advancer.ts";
import type { Laggard } from "../rotation/gate.ts";
import { mayAdvance, type RootRef, type RotationRecord } from "../rotation/record.ts";
import type { Chore } from "./chores.ts";
import { type EventPlace, type MeshEvent, QUIET, writeEvent } from "./mesh-event.ts";

/** Of a step that the leader before may have died over. */
const RECENT: Millis = 10 * 60_000;
const HELD_BACK: Millis = 10 * 60_000;
const MOST_NAMED = 5;

export interface RotationTeller extends Chore {
  /** Told of every record that comes into force; it is told of at the next run. */
  note(record: RotationRecord): void;
}

/**
 * @param current - In force when this replica begins to lead. The leader before may have died before it told of it, so
 * it is told of again; Events of a step have a name of their own, so that nobody reads it twice.
 */
export function rotationEvents(place: EventPlace, current: RotationRecord, progress: () => Progress): RotationTeller {
  const queue: MeshEvent[] = [];
  let last: RotationRecord | undefined;
  let warned: { readonly step: number; readonly at: Millis } | undefined;

  function note(record: RotationRecord): void {
    const before = last;
    last = record;
    if (before?.step === record.step) return;
    const event = stepEvent(record, before, place.now());
    if (event !== undefined) queue.push(event);
  }

  async function warn(): Promise<void> {
    const at = place.now();
    const now = progress();
    const { record } = now;
    if (record.phase === "steady" || at - record.since < HELD_BACK || !mayAdvance(record)) return;
    if (warned?.step === record.step && at - warned.at < QUIET && at >= warned.at) return;
    const message = `the change of the root is in the phase ${record.phase} since ${textOf(record.since)}: ${heldText(now)}`;
    await writeEvent(place, { type: "Warning", reason: "RootRotationHeldBack", message });
    warned = { step: record.step, at };
  }

  note(current);
  return {
    name: "rotation events",
    note,
    async run() {
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        await writeEvent(place, next);
        queue.shift();
      }
      await warn();
    },
  };
}

function stepEvent(record: RotationRecord, before: RotationRecord | undefined, now: Millis): MeshEvent | undefined {
  const name = `osm-root-rotation.${record.step}.${record.since}`;
  const told = (reason: string, message: string): MeshEvent => ({ type: "Normal", reason, message, name });
  if (record.phase === "steady") {
    const end = endOf(record.root, before);
    if (end !== undefined) return told(...end);
    // Not every start of a control plane is news.
    const isNews = record.step > 0 && now - record.since < RECENT;
    return isNews ? told("RootRotationEnded", `${rootText(record.root)} is the mesh's root of trust`) : undefined;
  }
  const [from, to] = [rootText(record.from), rootText(record.to)];
  switch (record.phase) {
    case "trusting":
      return told("RootRotationStarted", `the root of trust changes from ${from} to ${to}: both are trusted`);
    case "issuing":
      return told("RootRotationIssuing", `certificates come from ${to}; ${from} is dropped once every proxy has one`);
    case "returning":
      return told(
        "RootRotationReturning",
        `certificates come from ${from} again; ${to} is dropped once every proxy has one`,
      );
  }
}

function endOf(root: RootRef, before: RotationRecord | undefined): [reason: string, message: string] | undefined {
  if (before === undefined || before.phase === "steady") return undefined;
  const [now, from, to] = [root, before.from, before.to].map(rootText);
  return root.name === before.to.name
    ? ["RootRotationFinished", `${now} is the mesh's root of trust; ${from} is trusted no more`]
    : ["RootRotationRolledBack", `${now} is the mesh's root of trust again; ${to} is trusted no more`];
}

function rootText({ name, source, trustDomain }: RootRef): string {
  return `${name} (${source.kind}, ${trustDomain})`;
}

function heldText({ laggards }: Progress): string {
  if (laggards.length === 0) return "nobody holds it back, so the leader cannot take the next step: its log says why";
  const named = laggards.slice(0, MOST_NAMED).map(laggardText).join("; ");
  const more = laggards.length - MOST_NAMED;
  return `held back by ${laggards.length}: ${named}${more > 0 ? `; and ${more} more` : ""}`;
}

function laggardText({ kind, name, reason }: Laggard): string {
  return `${kind} ${name} ${reason}`;
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
