/**
 * What a source of objects says of one kind that it follows. `sources/kubernetes` has the same shape.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export interface SourceState {
  readonly kind: string;
  /** `listing`: may be behind. `watching`: current. `absent`: the kind does not exist there. `away`: may be out of date. */
  readonly state: "listing" | "watching" | "absent" | "away";
  /** Epoch milliseconds at which this state began. */
  readonly since: Millis;
  /** Epoch milliseconds of the last sign of life. */
  readonly lastEventAt?: Millis;
  readonly objects: number;
  readonly error?: string;
}
