/**
 * The pipeline in one place: snapshot → graph → one IR a proxy → Envoy's messages → bytes with their hash.
 *
 * @module
 */
import { type Finding, tidyFindings } from "../core/base/finding.ts";
import { ListSharing, memoByObject } from "../core/base/memo.ts";
import { buildConfig } from "../core/envoy/config.ts";
import { checkConsistent } from "../core/envoy/consistency.ts";
import { type EncodedConfig, type EncodedResource, encodeMessages } from "../core/envoy/encode.ts";
import type { TrustBundle } from "../core/envoy/secret.ts";
import { buildGraph, type MeshGraph } from "../core/graph/graph.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { ProxyIr } from "../core/ir/proxy.ts";
import type { Pod } from "../core/model/pod.ts";
import type { Snapshot } from "../core/model/snapshot.ts";
import { type ResolvedProxy, resolveProxy } from "../core/policy/resolve.ts";
import { Sharing } from "../core/policy/sharing.ts";
import { groupOf, type ProxyResources, type Resource, type ResourceKind, resourceOf } from "../xds/resource.ts";

/** One proxy of the mesh: a pod with a sidecar, and all that it is to be configured with. */
export interface CompiledProxy {
  /** `proxyKey`, the key of the cache. */
  readonly key: string;
  /** The pod's `osm-proxy-uuid`. */
  readonly uuid: string;
  readonly pod: Pod;
  /** The same value as in the last compile if nothing changed for this proxy. */
  readonly ir: ProxyIr;
}

/** What one snapshot means. */
export interface CompiledMesh {
  readonly snapshot: Snapshot;
  readonly graph: MeshGraph;
  readonly proxies: ReadonlyMap<string, CompiledProxy>;
  readonly findings: readonly Finding[];
}

export interface Compiler {
  /** Yields after each slice of work, so that streams and health get their turn; returns the result. */
  compile(snapshot: Snapshot): Generator<void, CompiledMesh, void>;
  /** From the next compile on. */
  configure(settings: MeshSettings): void;
  /**
   * Bytes for Envoy: all but the certificate, which is not a function of the snapshot. Remembered by IR and trust.
   *
   * @throws InconsistentConfig where our own output does not hold together: a bug of ours.
   */
  render(ir: ProxyIr, trust: TrustBundle): ProxyResources;
}

/** Proxies resolved between two yields: well under a millisecond each, so a slice never keeps anybody waiting. */
const SLICE = 16;

export function createCompiler(initial: MeshSettings): Compiler {
  let settings = initial;
  const sharing = new Sharing();
  const lists = new ListSharing();
  const resourceFor = memoByObject(({ name, body }: EncodedResource) => resourceOf(name, body));
  const rendered = memoByObject((trust: TrustBundle) =>
    memoByObject((ir: ProxyIr) => {
      const config = buildConfig(ir, trust);
      checkConsistent(config);
      return toResources(encodeMessages(config));
    }),
  );

  function toResources(config: EncodedConfig): ProxyResources {
    const group = (kind: ResourceKind) => {
      const resources: readonly Resource[] = config[kind].map(resourceFor);
      return lists.share(kind, resources, () => groupOf(kind, resources));
    };
    return {
      cluster: group("cluster"),
      endpoints: group("endpoints"),
      listener: group("listener"),
      route: group("route"),
      secret: group("secret"),
    };
  }

  return {
    render: (ir, trust) => rendered(trust)(ir),
    configure(next) {
      settings = next;
    },
    *compile(snapshot) {
      const { graph, findings } = buildGraph(snapshot, settings);
      yield;
      const resolutions = new Set<ResolvedProxy>();
      const proxies = new Map<string, CompiledProxy>();
      for (const [key, pod] of graph.pods.byProxy) {
        const resolved = resolveProxy(graph, pod, sharing);
        resolutions.add(resolved);
        proxies.set(key, { key, uuid: pod.proxyUuid ?? "", pod, ir: resolved.ir });
        if (proxies.size % SLICE === 0) yield;
      }
      sharing.turn();
      lists.turn();
      const all = [...findings, ...[...resolutions].flatMap((one) => one.findings)];
      return { snapshot, graph, proxies, findings: tidyFindings(all) };
    },
  };
}
