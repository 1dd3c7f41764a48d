/**
 * What each proxy should have now. Written by the engine, read by the streams.
 *
 * @module
 */
import { type ProxyResources, SEND_ORDER } from "./resource.ts";

/** Gets the newest resources; undefined once the proxy was removed. */
export type CacheListener = (resources: ProxyResources | undefined) => void;

export class ResourceCache {
  readonly #resources = new Map<string, ProxyResources>();
  readonly #listeners = new Map<string, Set<CacheListener>>();

  /** Replaces what the proxy should have. Nobody is told if all versions are equal. */
  publish(proxy: string, resources: ProxyResources): void {
    const before = this.#resources.get(proxy);
    // The newer value is kept even if it is equal, so that the older one, and what it shares, can be freed.
    this.#resources.set(proxy, resources);
    if (before !== undefined && SEND_ORDER.every((kind) => before[kind].version === resources[kind].version)) return;
    for (const listener of [...(this.#listeners.get(proxy) ?? [])]) listener(resources);
  }

  /** Forgets the proxy and ends its streams. */
  remove(proxy: string): void {
    this.#resources.delete(proxy);
    for (const listener of [...(this.#listeners.get(proxy) ?? [])]) listener(undefined);
  }

  /** Has nothing for the proxy any more, until it is published anew. Its streams go on, and keep what they were sent. */
  forget(proxy: string): void {
    this.#resources.delete(proxy);
  }

  read(proxy: string): ProxyResources | undefined {
    return this.#resources.get(proxy);
  }

  /** Calls `listener` at once if there is something to tell, then on every change. Returns the way to stop. */
  subscribe(proxy: string, listener: CacheListener): () => void {
    const listeners = this.#listeners.get(proxy) ?? new Set();
    this.#listeners.set(proxy, listeners.add(listener));
    const now = this.#resources.get(proxy);
    if (now !== undefined) listener(now);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(proxy) === listeners) this.#listeners.delete(proxy);
    };
  }
}
