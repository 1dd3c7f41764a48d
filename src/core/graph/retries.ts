/**
 * Retries → how calls of an account to a Service are repeated (dataplane spec 2.12).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import { keyOf } from "../base/ref.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import { refOf } from "../model/object.ts";
import type { Retry } from "../model/retry.ts";
import { oldestFirst } from "./precedence.ts";
import type { ServiceNode } from "./service-node.ts";

export interface LinkedRetries {
  /** By the caller's `namespace/account`, then by the Service's `namespace/name`. */
  readonly from: ReadonlyMap<string, ReadonlyMap<string, Retry>>;
  readonly findings: readonly Finding[];
}

const DISABLED =
  "featureFlags.enableRetryPolicy of the MeshConfig is false, so this object repeats nothing: set it to true";

/** Any namespace may say how an account's calls are repeated, as in OSM: it opens nothing. */
export function linkRetries(
  retries: Iterable<Retry>,
  { featureFlags }: MeshConfig,
  services: ReadonlyMap<string, ServiceNode>,
): LinkedRetries {
  const from = new Map<string, Map<string, Retry>>();
  const sorted = [...retries].sort(oldestFirst);
  if (!featureFlags.enableRetryPolicy)
    return { from, findings: sorted.map((retry) => finding("policy-disabled", refOf(retry), "", DISABLED)) };
  const findings: Finding[] = [];
  for (const retry of sorted) {
    const mine = from.get(keyOf(retry.source)) ?? new Map<string, Retry>();
    from.set(keyOf(retry.source), mine);
    findings.push(...addDestinations(retry, mine, services));
  }
  return { from, findings };
}

function addDestinations(
  retry: Retry,
  mine: Map<string, Retry>,
  services: ReadonlyMap<string, ServiceNode>,
): readonly Finding[] {
  return retry.destinations.flatMap((destination, i) => {
    const key = keyOf(destination);
    const path = `spec.destinations[${i}]`;
    if (!services.has(key)) {
      const message = `no Service ${key} in the mesh: create it or take the destination out`;
      return finding("retry-destination-missing", refOf(retry), path, message);
    }
    const winner = mine.get(key);
    if (winner === undefined) mine.set(key, retry);
    if (winner === undefined || winner === retry) return [];
    const message = `Retry ${keyOf(winner.meta)} already says how ${keyOf(retry.source)} calls ${key} and is older or first by name: merge the two`;
    return finding("retry-duplicate", refOf(retry), path, message);
  });
}
