/**
 * What a compile keeps so that proxies which see the same thing hold the same values (design 6).
 *
 * @module
 */
import { Interner, sameItems } from "../base/memo.ts";
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
  #results = new Map<string, Result>();
  #earlier = new Map<string, Result>();
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
   * What `compute` gave under this name, in this compile or the last, if all that it reads is still the same.
   *
   * @param inputs - All objects that the result is a function of; compared by reference.
   */
  recall<T>(name: string, inputs: readonly unknown[], compute: () => T): T {
    const known = this.#results.get(name) ?? this.#earlier.get(name);
    const result = known !== undefined && sameItems(known.inputs, inputs) ? known : { inputs, value: compute() };
    this.#results.set(name, result);
    // A name belongs to one call of `recall` in the code, so what was kept is a T.
    return result.value as T;
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

  /** Ends a compile: results that it did not use are forgotten. */
  turn(): void {
    this.parts.turn();
    this.#earlier = this.#results;
    this.#results = new Map();
    this.#previous = this.#latest;
    this.#latest = new Map();
  }
}

interface Result {
  readonly inputs: readonly unknown[];
  readonly value: unknown;
}

function sameParts(a: ProxyIr, b: ProxyIr): boolean {
  return (
    a.tls === b.tls &&
    a.observation === b.observation &&
    a.outbound === b.outbound &&
    a.inbound === b.inbound &&
    a.metrics === b.metrics &&
    sameItems(a.endpointSets, b.endpointSets) &&
    sameItems(a.upstreams, b.upstreams) &&
    sameItems(a.routeTables, b.routeTables) &&
    sameItems(a.trustedPeers, b.trustedPeers)
  );
}
