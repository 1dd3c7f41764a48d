/**
 * Minimal CRDs for tests: any content is accepted.
 *
 * @module
 */
import type { KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import { hasStatus } from "../../src/sources/kubernetes/kubernetes-error.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

export interface TestCrd {
  readonly kind: string;
  readonly group: string;
  readonly plural: string;
  readonly version: string;
}

/** @returns Its removal; nothing to remove where the cluster had it before. */
export async function createCrd(client: KubernetesClient, crd: TestCrd): Promise<() => Promise<void>> {
  const { kind, group, plural, version } = crd;
  const name = `${plural}.${group}`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const body = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
  try {
    await client.request({ method: "POST", path: CRDS, body });
  } catch (cause) {
    if (!hasStatus(cause, 409)) throw cause;
    return async () => undefined;
  }
  return () => removeCrd(client, crd);
}

export async function removeCrd(client: KubernetesClient, { plural, group }: TestCrd): Promise<void> {
  await client.request({ method: "DELETE", path: `${CRDS}/${plural}.${group}` });
}
