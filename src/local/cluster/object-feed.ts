/**
 * Tells a sink what changed between one set of objects and the next.
 *
 * @module
 */
import { type ObjectRef, refText } from "../../core/base/ref.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import type { MaterialisedObject } from "./materialise.ts";

export class ObjectFeed {
  readonly #sink: ObjectSink;
  #told = new Map<string, { readonly ref: ObjectRef; readonly text: string }>();
  #synced = false;

  constructor(sink: ObjectSink) {
    this.#sink = sink;
  }

  /** Applies what is new or different, then removes what is gone. The first call tells all there is. */
  tell(objects: readonly MaterialisedObject[]): void {
    const now = new Map<string, { readonly ref: ObjectRef; readonly text: string }>();
    for (const { ref, raw } of objects) {
      const key = refText(ref);
      const text = JSON.stringify(raw);
      now.set(key, { ref, text });
      if (this.#told.get(key)?.text !== text) this.#sink.apply(raw);
    }
    for (const [key, { ref }] of this.#told) if (!now.has(key)) this.#sink.remove(ref);
    this.#told = now;
    if (!this.#synced) this.#sink.synced();
    this.#synced = true;
  }
}
