/**
 * Keeps `caBundle` of our webhook configurations right: without it the API server would call nobody, and refuse pods.
 *
 * @module
 */
import { isRecord } from "../core/model/fields.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { ignoreMissing } from "../sources/kubernetes/kubernetes-error.ts";

const GROUP = "/apis/admissionregistration.k8s.io/v1";

export interface WebhookConfigurations {
  readonly mutating: string;
  readonly validating: string;
}

/** The names that OSM's chart gave them (platform spec 3.1, 4.1). */
export function webhookConfigurations(meshName: string): WebhookConfigurations {
  return { mutating: `osm-webhook-${meshName}`, validating: `osm-validator-mesh-${meshName}` };
}

/**
 * Writes the bundle wherever another one stands. A configuration that does not exist is passed over.
 *
 * @returns The names of those that it corrected.
 */
export async function correctCaBundles(
  client: Pick<KubernetesClient, "request">,
  names: WebhookConfigurations,
  bundlePem: string,
): Promise<readonly string[]> {
  const bundle = btoa(bundlePem);
  const mutating = await correct(client, `${GROUP}/mutatingwebhookconfigurations/${names.mutating}`, bundle);
  const validating = await correct(client, `${GROUP}/validatingwebhookconfigurations/${names.validating}`, bundle);
  return [...(mutating ? [names.mutating] : []), ...(validating ? [names.validating] : [])];
}

/** @returns whether there was something to correct. */
async function correct(client: Pick<KubernetesClient, "request">, path: string, bundle: string): Promise<boolean> {
  const configuration = await client.request({ path }).catch(ignoreMissing);
  const patch = patchOf(configuration, bundle);
  if (patch.length === 0) return false;
  await client.request({ method: "PATCH", path, body: patch, contentType: "application/json-patch+json" });
  return true;
}

/** Two operations for each webhook with another bundle; its name is tested first, in case the list changed. */
function patchOf(configuration: unknown, bundle: string): readonly unknown[] {
  const webhooks = isRecord(configuration) && Array.isArray(configuration["webhooks"]) ? configuration["webhooks"] : [];
  return webhooks.flatMap((webhook: unknown, i) => {
    if (!isRecord(webhook) || !isRecord(webhook["clientConfig"])) return [];
    if (webhook["clientConfig"]["caBundle"] === bundle) return [];
    return [
      { op: "test", path: `/webhooks/${i}/name`, value: webhook["name"] },
      { op: "add", path: `/webhooks/${i}/clientConfig/caBundle`, value: bundle },
    ];
  });
}
