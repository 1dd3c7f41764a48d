/**
 * `sidecar.maxDataPlaneConnections`: how many proxies one control plane serves, and who waits outside.
 *
 * @module
 */
import { type Finding, finding } from "../core/base/finding.ts";
import type { Millis } from "../core/base/millis.ts";
import { compareText, keyOf } from "../core/base/ref.ts";
import type { Clock } from "./clock.ts";
import type { CompiledMesh } from "./compile.ts";
import type { ProxyRegistry } from "./proxies.ts";

export interface ProxyLimit {
  /** Whether there is a place for a proxy; asked after its identity was proven. Why not, else undefined. */
  refusal(proxy: string): string | undefined;
  /** One at most: the proxies that wait for a place. */
  findings(): readonly Finding[];
  /** Since the start. */
  refusals(): number;
}

export interface ProxyLimitOptions {
  readonly clock: Clock;
  readonly registry: Pick<ProxyRegistry, "read" | "count">;
  mesh(): CompiledMesh | undefined;
  /** Somebody new waits. */
  onChange(): void;
}

/** Envoy tries again within 30 s. Who has not since then has found another replica. */
const MEMORY: Millis = 60_000;
const MOST_NAMES = 10;

export function createProxyLimit({ clock, registry, mesh, onChange }: ProxyLimitOptions): ProxyLimit {
  /** When each was refused last. */
  const waiting = new Map<string, Millis>();
  let refusals = 0;
  /** 0: none. */
  const limit = (): number => mesh()?.graph.config.sidecar.maxDataPlaneConnections ?? 0;
  const isFull = (): boolean => limit() > 0 && registry.count() >= limit();

  function forgetOthers(): void {
    const since = clock.now() - MEMORY;
    for (const [proxy, at] of waiting) {
      if (at < since || registry.read(proxy) !== undefined) waiting.delete(proxy);
    }
  }

  return {
    refusal(proxy) {
      // One that dials again before its last stream has ended has a place.
      if (!isFull() || registry.read(proxy) !== undefined) {
        waiting.delete(proxy);
        return undefined;
      }
      refusals += 1;
      const isNew = !waiting.has(proxy);
      waiting.set(proxy, clock.now());
      forgetOthers();
      if (isNew) onChange();
      return `${limit()} proxies are connected, as many as spec.sidecar.maxDataPlaneConnections of the MeshConfig allows: raise it, or run more replicas`;
    },
    findings() {
      const compiled = mesh();
      // Those who wait find a place with their next try.
      if (compiled === undefined || !isFull()) return [];
      forgetOthers();
      const pods = [...waiting.keys()].flatMap((proxy) => compiled.proxies.get(proxy)?.pod.meta ?? []);
      return pods.length === 0 ? [] : [waitingFinding(compiled, pods.map(keyOf).toSorted(compareText))];
    },
    refusals: () => refusals,
  };
}

function waitingFinding({ graph: { config } }: CompiledMesh, pods: readonly string[]): Finding {
  const named = pods.slice(0, MOST_NAMES).join(", ");
  const more = pods.length > MOST_NAMES ? `, and ${pods.length - MOST_NAMES} more` : "";
  return finding(
    "proxy-limit",
    { kind: "MeshConfig", ...config.meta },
    "spec.sidecar.maxDataPlaneConnections",
    `is ${config.sidecar.maxDataPlaneConnections}, and all places are taken: ${named}${more} get no configuration; raise it, or run more replicas of the control plane`,
  );
}
