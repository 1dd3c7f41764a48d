/**
 * Asks the API server which version of a kind it serves.
 *
 * @module
 */

import { isRecord } from "../../core/model/fields.ts";
import type { KubernetesClient } from "./client.ts";
import { hasStatus, KubernetesError } from "./kubernetes-error.ts";
import { apiVersionOf, type WatchedResource } from "./resource.ts";

/**
 * The first of the resource's versions that is served.
 *
 * @returns undefined only if discovery works and names none of them: an outage is never taken for an absence.
 * @throws KubernetesError while the server cannot tell.
 */
export async function servedVersion(
  client: KubernetesClient,
  resource: WatchedResource,
  signal: AbortSignal,
): Promise<string | undefined> {
  const served = resource.group === "" ? resource.versions : await groupVersions(client, resource, signal);
  for (const version of resource.versions.filter((one) => served.includes(one))) {
    if (await servesPlural(client, { resource, version, signal })) return version;
  }
  return undefined;
}

async function groupVersions(
  client: KubernetesClient,
  { group }: WatchedResource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const groups = listOf(await client.request({ path: "/apis", signal }), "groups");
  // An API server always has groups of its own.
  if (groups.length === 0) throw unclear("/apis", "the list of API groups is empty");
  const versions = groups.filter(({ name }) => name === group).flatMap((found) => listOf(found, "versions"));
  return versions.flatMap(({ version }) => (typeof version === "string" ? [version] : []));
}

async function servesPlural(
  client: KubernetesClient,
  { resource, version, signal }: { resource: WatchedResource; version: string; signal: AbortSignal },
): Promise<boolean> {
  const path = `${resource.group === "" ? "/api" : "/apis"}/${apiVersionOf(resource, version)}`;
  try {
    return listOf(await client.request({ path, signal }), "resources").some(({ name }) => name === resource.plural);
  } catch (cause) {
    if (hasStatus(cause, 404)) return false;
    throw cause;
  }
}

function listOf(raw: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isRecord(raw) ? raw[field] : undefined;
  if (!Array.isArray(list)) throw unclear("/apis", `discovery answered without a list of ${field}`);
  return list.filter(isRecord);
}

function unclear(path: string, detail: string): KubernetesError {
  return new KubernetesError({ method: "GET", path, status: 0, reason: "", detail });
}
