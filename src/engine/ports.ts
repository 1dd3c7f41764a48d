/**
 * What the engine asks of its neighbours: where objects come from.
 *
 * @module
 */
import type { Finding } from "../core/base/finding.ts";
import type { ObjectRef } from "../core/base/ref.ts";

/** What a source tells the engine. Raw objects as Kubernetes spells them. */
export interface ObjectSink {
  /** Adds or replaces one object. Returns the parse findings of this object; the last accepted version stays if it cannot be read. */
  apply(raw: unknown): readonly Finding[];
  remove(ref: ObjectRef): void;
  /** Everything that was there at the start has been told. */
  synced(): void;
}

/** A place where objects come from. Tells `sink` all there is, then every change, until stopped. */
export interface ObjectSource {
  /** Resolves once the first listing was told and `synced` was called. */
  start(sink: ObjectSink): Promise<void>;
  stop(): Promise<void>;
}
