/**
 * What the sink was told of one kind, so that a new listing tells only what differs, removals included.
 *
 * @module
 */
import { keyOf, type ObjectRef } from "../../core/base/ref.ts";
import { isRecord } from "../../core/model/fields.ts";
import type { ObjectSink } from "../../engine/ports.ts";

export interface ToldObjects {
  readonly size: number;
  /**
   * Tells of an object unless it was told in this very version.
   *
   * @param raw - Of a list or a watch event; `header` fills in what list items lack.
   * @returns Its key. @throws Error if it has no name, which no API server sends.
   */
  apply(raw: unknown, header: Header): string;
  /** Returns at once if it was never told. */
  remove(raw: unknown): void;
  /** Removes all that `keep` refuses. */
  retain(keep: (object: { readonly key: string; readonly namespace: string }) => boolean): void;
}

export interface Header {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface ToldOptions {
  readonly kind: string;
  readonly sink: Pick<ObjectSink, "apply" | "remove">;
  /** Whether objects of this namespace are told at all. */
  accepts(namespace: string): boolean;
  /** The sink threw. That is our bug, and must not keep the other objects from being told. */
  onSinkFailure(about: ObjectRef, cause: unknown): void;
}

interface Told {
  readonly ref: ObjectRef;
  /** `uid` and `resourceVersion`: equal means unchanged. undefined: the server gave none. */
  readonly version: string | undefined;
}

export function createToldObjects({ kind, sink, accepts, onSinkFailure }: ToldOptions): ToldObjects {
  const told = new Map<string, Told>();

  function forget(key: string): void {
    const known = told.get(key);
    if (known === undefined) return;
    told.delete(key);
    guarded(known.ref, () => sink.remove(known.ref));
  }

  function guarded(ref: ObjectRef, tell: () => void): void {
    try {
      tell();
    } catch (cause) {
      onSinkFailure(ref, cause);
    }
  }

  return {
    get size() {
      return told.size;
    },
    apply(raw, header) {
      const { ref, version } = identityOf(kind, raw);
      const key = keyOf(ref);
      if (!accepts(ref.namespace)) forget(key);
      else if (version === undefined || told.get(key)?.version !== version) {
        told.set(key, { ref, version });
        guarded(ref, () => sink.apply({ ...header, ...(isRecord(raw) ? raw : {}) }));
      }
      return key;
    },
    remove: (raw) => forget(keyOf(identityOf(kind, raw).ref)),
    retain(keep) {
      for (const [key, { ref }] of told) if (!keep({ key, namespace: ref.namespace })) forget(key);
    },
  };
}

function identityOf(kind: string, raw: unknown): Told {
  const metadata = isRecord(raw) && isRecord(raw["metadata"]) ? raw["metadata"] : {};
  const { name, namespace, uid, resourceVersion } = metadata;
  if (typeof name !== "string" || name === "") throw new Error(`a ${kind} without a name came from the API server`);
  return {
    ref: { kind, namespace: typeof namespace === "string" ? namespace : "", name },
    version: typeof resourceVersion === "string" ? `${uid} ${resourceVersion}` : undefined,
  };
}
