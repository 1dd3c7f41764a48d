/**
 * What is known of one kind's watch, for health and status.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";

/**
 * `listing`: what was told may be behind. `watching`: it is current. `absent`: the cluster does not have this kind.
 * `away`: the API server does not answer well; what was told stays in force, and may be stale since `since`.
 */
export type KindState = "listing" | "watching" | "absent" | "away";

export interface KindStatus {
  readonly kind: string;
  readonly state: KindState;
  /** Epoch milliseconds at which this state began. */
  readonly since: Millis;
  /** Epoch milliseconds of the last sign of life: a list, an event or a bookmark. */
  readonly lastEventAt?: Millis;
  /** That were told and not removed. */
  readonly objects: number;
  /** Why it is away, or what was last wrong with an object. */
  readonly error?: string;
}

/** Keeps one kind's status. */
export class StatusKeeper {
  readonly #kind: string;
  readonly #now: () => Millis;
  readonly #onChange: () => void;
  #state: KindState = "listing";
  #since: Millis;
  #lastEventAt: Millis | undefined;
  #error: string | undefined;

  /** @param options.onChange - Called when state or error change, not for every event. */
  constructor(options: { readonly kind: string; now(): Millis; onChange(): void }) {
    this.#kind = options.kind;
    this.#now = () => options.now();
    this.#onChange = () => options.onChange();
    this.#since = this.#now();
  }

  get state(): KindState {
    return this.#state;
  }

  alive(): void {
    this.#lastEventAt = this.#now();
  }

  /** A state entered again keeps its `since`. */
  enter(state: KindState, error?: string): void {
    if (state === this.#state && error === this.#error) return;
    if (state !== this.#state) this.#since = this.#now();
    this.#state = state;
    this.#error = error;
    this.#onChange();
  }

  read(objects: number): KindStatus {
    return {
      kind: this.#kind,
      state: this.#state,
      since: this.#since,
      ...(this.#lastEventAt === undefined ? {} : { lastEventAt: this.#lastEventAt }),
      objects,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }
}
