/**
 * The metadata that every object carries.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";

export interface Meta {
  /** "" for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** "" where the source gives none (files). */
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Epoch milliseconds; 0 if absent. */
  readonly createdAt: Millis;
  /** 0 if absent. */
  readonly generation: number;
}
