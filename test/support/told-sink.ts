/**
 * A sink that keeps what a source told, as the engine would, and in which order.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ObjectRef, refText } from "../../src/core/base/ref.ts";

interface Raw {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

export class ToldSink {
  /** `Kind namespace/name` → its spec as JSON. */
  readonly objects = new Map<string, string>();
  /** `+Kind namespace/name` and `-Kind namespace/name`, as they came. */
  readonly log: string[] = [];
  readonly apiVersions = new Set<string>();
  isSynced = false;
  /** Thrown for the object of this name. */
  poison: string | undefined;

  apply(raw: unknown): readonly [] {
    const { apiVersion, kind, metadata, spec } = raw as Raw;
    const key = refText({ kind, namespace: metadata.namespace ?? "", name: metadata.name });
    this.log.push(`+${key}`);
    if (metadata.name === this.poison) throw new Error("poisoned");
    this.apiVersions.add(apiVersion);
    this.objects.set(key, JSON.stringify(spec));
    return [];
  }

  remove(ref: ObjectRef): void {
    this.log.push(`-${refText(ref)}`);
    this.objects.delete(refText(ref));
  }

  synced(): void {
    this.isSynced = true;
  }

  names(): readonly string[] {
    return [...this.objects.keys()].sort();
  }
}

export async function until(what: string, condition: () => boolean, within = 3000): Promise<void> {
  const end = Date.now() + within;
  while (!condition()) {
    assert.ok(Date.now() < end, `within ${within} ms: ${what}`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
