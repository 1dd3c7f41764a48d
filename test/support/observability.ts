/**
 * Telemetry and what it needs, as a user would write it; and the lines that a pod's Envoy wrote.
 *
 * @module
 */
import type { TestMesh } from "./mesh.ts";
import { meshConfigWith } from "./traffic-policies.ts";
import type { Manifest, Namespaced } from "./workloads.ts";

function named(path: string): Namespaced {
  const [namespace = "", name = ""] = path.split("/");
  return { namespace, name };
}

/** @param path - `namespace/name`. */
export function telemetry(path: string, spec: object): Manifest {
  return { apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "Telemetry", metadata: named(path), spec };
}

/** @param path - `namespace/name`. */
export function collector(path: string, spec: object): Manifest {
  return { apiVersion: "config.openservicemesh.io/v1alpha2", kind: "ExtensionService", metadata: named(path), spec };
}

/** Permissive mode, golden signals on. */
export function observabilityConfig(tracing: object): Manifest {
  const base = meshConfigWith({ permissive: true, featureFlags: { enableWASMStats: true } });
  return { ...base, spec: { ...(base["spec"] as object), observability: { tracing } } };
}

/** Of requests alone: Envoy's own log and the lines of connections are left out. */
export async function accessLines(mesh: TestMesh, pod: string): Promise<readonly string[]> {
  const { stdout } = await mesh.osm("logs", pod, "-c", "envoy");
  return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("["));
}
