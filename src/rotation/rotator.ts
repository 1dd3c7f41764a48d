/**
 * Holds the record that is in force, and changes it: first written where it survives, then acted on.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { leaveBehind, type MovingRecord, type RootRef, type RotationRecord, rollBack, start } from "./record.ts";
import type { OpenRoots, RootOpener } from "./roots.ts";

/** Somebody else changed the record in between: read it again. */
export class RecordConflict extends Error {
  override readonly name = "RecordConflict";
}

export interface StoredRecord {
  readonly record: RotationRecord;
  /** Changes with each writing. */
  readonly revision: string;
}

/** Where the record survives restarts and leaders. */
export interface RecordStore {
  /** undefined before the first writing. */
  read(): Promise<StoredRecord | undefined>;
  /**
   * @param before - What is replaced: the revision that was read, or undefined if there was none.
   * @returns The new revision. Rejects with `RecordConflict` if it is not what is there.
   */
  write(record: RotationRecord, before: string | undefined): Promise<string>;
}

export interface RotatorOptions {
  readonly store: RecordStore;
  readonly opener: RootOpener;
  /** What holds while nothing was ever written. */
  readonly initial: RotationRecord;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
}

export interface StartOptions {
  /** Absent: a new built-in one is made. */
  readonly to?: RootRef;
  /** Of a root that is made; the mesh's own by default. */
  readonly trustDomain?: string;
  readonly until?: MovingRecord["until"];
}

const TRIES = 5;

export class Rotator {
  readonly #options: RotatorOptions;
  readonly #listeners = new Set<(roots: OpenRoots) => void>();
  #roots: OpenRoots;
  #revision: string | undefined;
  /** Of changes and refreshes: one at a time, in order. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: RotatorOptions, roots: OpenRoots, revision: string | undefined) {
    this.#options = options;
    this.#roots = roots;
    this.#revision = revision;
  }

  /** Rejects if the record cannot be read, or the root that signs cannot be opened. */
  static async open(options: RotatorOptions): Promise<Rotator> {
    const stored = await options.store.read();
    const roots = await options.opener.openAll(stored?.record ?? options.initial);
    return new Rotator(options, roots, stored?.revision);
  }

  /**
   * Writes down what is in force if nothing was ever written: from then on it changes by a rotation alone, and a root
   * that is replaced behind its back is noticed.
   */
  keep(): Promise<void> {
    return this.#inTurn(async () => {
      const { record } = this.#roots;
      if (this.#revision !== undefined || record.phase !== "steady") return;
      const kept = { ...record, root: await this.complete(record.root) };
      try {
        await this.#write(kept);
      } catch (cause) {
        if (!(cause instanceof RecordConflict)) throw cause;
        await this.#read(); // another replica was first
      }
    });
  }

  /** What is to be acted on. */
  roots(): OpenRoots {
    return this.#roots;
  }

  /** Told of every other record, after it was written. Must not throw. @returns the end of it. */
  onChange(listener: (roots: OpenRoots) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes the new root, if none is named, and begins to trust it. Rejects with `RotationRefused` if it cannot be. */
  async start(options: StartOptions): Promise<RotationRecord> {
    try {
      return await this.#start(options);
    } catch (cause) {
      await this.release();
      throw cause;
    }
  }

  async #start({ to, trustDomain, until }: StartOptions): Promise<RotationRecord> {
    const { opener, now } = this.#options;
    const { record } = this.#roots;
    // Asked first, so that no root is made in vain.
    if (record.phase !== "steady") start(record, record.to, { now: now() });
    const wanted = to ?? (await opener.create(trustDomain ?? this.#roots.plan.signing.trustDomain));
    const root = await opener.complete(wanted);
    const options = until === undefined ? { now: now() } : { now: now(), until };
    await this.keep(); // with the old root's certificates: it must stay trusted even if its key is lost on the way
    return this.change((current) => start(current, root, options));
  }

  /** A root with the certificates that it has. Rejects if it cannot sign. */
  complete(ref: RootRef): Promise<RootRef> {
    return this.#options.opener.complete(ref);
  }

  /** Closes roots that were opened in vain: the record does not name them. One that is asked for again is opened anew. */
  release(): Promise<void> {
    return this.#inTurn(async () => this.#options.opener.retain(this.#roots.record));
  }

  rollBack(): Promise<RotationRecord> {
    return this.change((current) => rollBack(current, this.#options.now()));
  }

  finish(): Promise<RotationRecord> {
    return this.change(leaveBehind);
  }

  /**
   * Writes what `step` makes of the record, then tells the listeners.
   *
   * @param step - Given the record as it is kept now, maybe again after a conflict. What it throws is passed on.
   */
  change(step: (record: RotationRecord) => RotationRecord): Promise<RotationRecord> {
    return this.#inTurn(async () => {
      for (let tries = 1; ; tries++) {
        try {
          return await this.#write(step(this.#roots.record));
        } catch (cause) {
          if (!(cause instanceof RecordConflict) || tries === TRIES) throw cause;
          await this.#read();
        }
      }
    });
  }

  /** Takes what others have written since. Rejects if it cannot be read or acted on; what was in force stays. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#read());
  }

  async #write(next: RotationRecord): Promise<RotationRecord> {
    if (next === this.#roots.record) return next;
    // Opened before it is written: a record that nobody can act on must not be kept.
    const roots = await this.#options.opener.openAll(next);
    const revision = await this.#options.store.write(next, this.#revision);
    this.#take(roots, revision);
    return next;
  }

  async #read(): Promise<void> {
    const stored = await this.#options.store.read();
    if (stored === undefined || stored.revision === this.#revision) return;
    this.#take(await this.#options.opener.openAll(stored.record), stored.revision);
  }

  #take(roots: OpenRoots, revision: string): void {
    this.#roots = roots;
    this.#revision = revision;
    for (const listener of [...this.#listeners]) listener(roots);
    this.#options.opener.retain(roots.record);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
