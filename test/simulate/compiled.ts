/**
 * Objects in, the Envoy configuration of every proxy out: the whole compiler, as the engine runs it.
 *
 * @module
 */
import type { Finding } from "../../src/core/base/finding.ts";
import { keyOf } from "../../src/core/base/ref.ts";
import { buildConfig, type EnvoyConfig } from "../../src/core/envoy/config.ts";
import { checkConsistent } from "../../src/core/envoy/consistency.ts";
import type { MeshSettings } from "../../src/core/graph/settings.ts";
import type { Snapshot } from "../../src/core/model/snapshot.ts";
import { type CompiledMesh, type Compiler, createCompiler } from "../../src/engine/compile.ts";
import { createStore } from "../../src/engine/store.ts";
import { endpointSlices } from "./endpoint-slices.ts";
import type { RawObject } from "./objects.ts";

export const SETTINGS: MeshSettings = {
  meshName: "osm",
  meshNamespace: "osm-system",
  trustDomain: "cluster.local",
};

export const TRUST = { pem: "-----BEGIN CERTIFICATE-----\nthe root of a test\n-----END CERTIFICATE-----\n" };

/** What is given, and what Kubernetes would add. */
export function withEndpoints(objects: readonly RawObject[]): readonly RawObject[] {
  return [...objects, ...endpointSlices(objects)];
}

/** Told to a fresh store in the order given. */
export function snapshotOf(objects: readonly RawObject[]): {
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
} {
  const store = createStore(() => {});
  for (const raw of objects) store.apply(raw);
  return { snapshot: store.snapshot(), findings: store.findings() };
}

export function compileWith(compiler: Compiler, snapshot: Snapshot): CompiledMesh {
  const work = compiler.compile(snapshot);
  for (let step = work.next(); ; step = work.next()) if (step.done) return step.value;
}

export interface Compiled {
  readonly mesh: CompiledMesh;
  /** By `namespace/pod`. */
  readonly configs: ReadonlyMap<string, EnvoyConfig>;
  /** Of parsing and of compiling. */
  readonly findings: readonly Finding[];
}

/** @throws InconsistentConfig if a proxy's configuration would be refused by Envoy. */
export function compileObjects(objects: readonly RawObject[]): Compiled {
  const { snapshot, findings } = snapshotOf(withEndpoints(objects));
  const mesh = compileWith(createCompiler(SETTINGS), snapshot);
  const configs = new Map(
    [...mesh.proxies.values()].map(({ pod, ir }) => [keyOf(pod.meta), buildConfig(ir, TRUST)] as const),
  );
  for (const config of configs.values()) checkConsistent(config);
  return { mesh, configs, findings: [...findings, ...mesh.findings] };
}
