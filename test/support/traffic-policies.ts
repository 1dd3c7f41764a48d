/**
 * Objects of OSM's traffic policies for tests, as a user would write them.
 *
 * @module
 */
import { type Manifest, meshConfig, type Namespaced } from "./workloads.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @param spec - As in the API: `host`, `connectionSettings`, `rateLimit`, `httpRoutes`. */
export function upstreamSetting(metadata: Namespaced, spec: Fields): Manifest {
  return { apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "UpstreamTrafficSetting", metadata, spec };
}

export interface RetryOptions {
  readonly from: Namespaced;
  readonly to: Namespaced;
  readonly policy: Fields;
}

export function retry(metadata: Namespaced, { from, to, policy }: RetryOptions): Manifest {
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "Retry",
    metadata,
    spec: {
      source: { kind: "ServiceAccount", ...from },
      destinations: [{ kind: "Service", ...to }],
      retryPolicy: policy,
    },
  };
}

/** The mesh's settings with more than `meshConfig` knows of. */
export function meshConfigWith({
  permissive,
  traffic = {},
  featureFlags = {},
}: {
  readonly permissive: boolean;
  readonly traffic?: Fields;
  readonly featureFlags?: Fields;
}): Manifest {
  const base = meshConfig({ permissive });
  const spec = base["spec"] as { readonly traffic: Fields };
  return { ...base, spec: { ...spec, traffic: { ...spec.traffic, ...traffic }, featureFlags } };
}
