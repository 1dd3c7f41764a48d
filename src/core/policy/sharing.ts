/**
 * What a compile keeps so that proxies which see the same thing hold the same values (design 6).
 *
 * @module
 */
import { Interner } from "../base/memo.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { ProxyIr } from "../ir/proxy.ts";

/**
 * Gives equal IR parts one identity, across proxies and across compiles.
 *
 * `once` computes a value once for a graph: what many proxies need of it is found, not made again.
 */
export class Sharing {
  readonly parts = new Interner();
  #graph: MeshGraph | undefined;
  #known = new Map<string, unknown>();
  #latest = new Map<string, ProxyIr>();
  #previous = new Map<string, ProxyIr>();

  once<T>(graph: MeshGraph, key: string, compute: () => T): T {
    if (graph !== this.#graph) {
      this.#graph = graph;
      this.#known = new Map();
    }
    if (this.#known.has(key)) return this.#known.get(key) as T;
    const value = compute();
    this.#known.set(key, value);
    return value;
  }

  /**
   * Gives back the IR that the last compile made under this name, if all parts of `ir` are the same values. Then
   * nothing after this stage has work to do for its proxies.
   */
  reuse(name: string, ir: ProxyIr): ProxyIr {
    const before = this.#latest.get(name) ?? this.#previous.get(name);
    const kept = before !== undefined && sameParts(before, ir) ? before : Object.freeze(ir);
    this.#latest.set(name, kept);
    return kept;
  }

  /** Ends a compile: parts that the last two did not use are forgotten. */
  turn(): void {
    this.parts.turn();
    this.#previous = this.#latest;
    this.#latest = new Map();
  }
}

function sameParts(a: ProxyIr, b: ProxyIr): boolean {
  return (
    a.tls === b.tls &&
    a.outbound === b.outbound &&
    a.inbound === b.inbound &&
    a.metrics === b.metrics &&
    sameItems(a.endpointSets, b.endpointSets) &&
    sameItems(a.upstreams, b.upstreams) &&
    sameItems(a.routeTables, b.routeTables) &&
    sameItems(a.trustedPeers, b.trustedPeers)
  );
}

function sameItems(a: readonly object[], b: readonly object[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}
