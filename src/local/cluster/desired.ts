/**
 * The objects that should be: those of the watched directory, and over them those that were applied by hand.
 *
 * @module
 */
import type { Finding } from "../../core/base/finding.ts";
import { compareRefs, type ObjectRef, refText } from "../../core/base/ref.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import { isRawObject, type RawObject, refOfRaw } from "./raw-object.ts";

export interface DesiredObject {
  readonly ref: ObjectRef;
  readonly raw: RawObject;
}

/** What was applied and deleted by hand; kept in the state directory. */
export interface Overlays {
  readonly applied: readonly RawObject[];
  /** Objects of the directory that were deleted by hand, as `refText` spells them. */
  readonly hidden: readonly string[];
}

export type ApplyOutcome = "created" | "configured" | "unchanged";
/** `restored`: what was applied is gone, so the directory's version is in force again. */
export type DeleteOutcome = "deleted" | "restored" | "not found";

export interface DesiredOptions {
  readonly overlays: Overlays;
  /** Keeps the overlays for the next start. */
  save(overlays: Overlays): void;
  onChange(): void;
}

export class DesiredObjects {
  readonly #options: DesiredOptions;
  readonly #directory = new Map<string, DesiredObject>();
  readonly #applied = new Map<string, DesiredObject>();
  readonly #hidden: Set<string>;

  constructor(options: DesiredOptions) {
    this.#options = options;
    this.#hidden = new Set(options.overlays.hidden);
    for (const raw of options.overlays.applied) this.#applied.set(refText(refOfRaw(raw)), { ref: refOfRaw(raw), raw });
  }

  /** Takes in what the watched directory says. */
  directorySink(): ObjectSink {
    return {
      apply: (raw): readonly Finding[] => {
        if (!isRawObject(raw)) return [];
        const ref = refOfRaw(raw);
        // A changed file is a new word on an object that was deleted by hand; the first reading of it is not.
        if (this.#directory.has(refText(ref))) this.#show(refText(ref));
        this.#directory.set(refText(ref), { ref, raw });
        this.#options.onChange();
        return [];
      },
      remove: (ref) => {
        this.#directory.delete(refText(ref));
        this.#show(refText(ref));
        this.#options.onChange();
      },
      synced: () => undefined,
    };
  }

  apply(raw: RawObject): ApplyOutcome {
    const ref = refOfRaw(raw);
    const key = refText(ref);
    const before = this.#effective(key);
    if (before !== undefined && JSON.stringify(before.raw) === JSON.stringify(raw)) return "unchanged";
    this.#applied.set(key, { ref, raw });
    this.#hidden.delete(key);
    this.#changed();
    return before === undefined ? "created" : "configured";
  }

  delete(ref: ObjectRef): DeleteOutcome {
    const key = refText(ref);
    if (this.#effective(key) === undefined) return "not found";
    if (!this.#applied.delete(key)) this.#hidden.add(key);
    this.#changed();
    return this.#effective(key) === undefined ? "deleted" : "restored";
  }

  /** Sorted. */
  list(): readonly DesiredObject[] {
    const keys = new Set([...this.#directory.keys(), ...this.#applied.keys()]);
    const all = [...keys].map((key) => this.#effective(key)).filter((one) => one !== undefined);
    return all.sort((a, b) => compareRefs(a.ref, b.ref));
  }

  #effective(key: string): DesiredObject | undefined {
    return this.#applied.get(key) ?? (this.#hidden.has(key) ? undefined : this.#directory.get(key));
  }

  #show(key: string): void {
    if (this.#hidden.delete(key)) this.#save();
  }

  #changed(): void {
    this.#save();
    this.#options.onChange();
  }

  #save(): void {
    this.#options.save({ applied: [...this.#applied.values()].map(({ raw }) => raw), hidden: [...this.#hidden] });
  }
}
