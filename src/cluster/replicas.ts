/**
 * The replicas of the control plane, for people to look at: its pods, and who leads.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { compareText } from "../core/base/ref.ts";
import { isRecord } from "../core/model/fields.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";

export interface Replica {
  readonly name: string;
  /** It does what one replica does for all. */
  readonly leader: boolean;
  /** It is this process. */
  readonly self: boolean;
}

export interface RosterOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  /** This replica's name. */
  readonly self: string;
  /** Resolves after `delay`, or as soon as the signal is aborted. */
  readonly pause: (delay: Millis, signal: AbortSignal) => Promise<void>;
}

export interface Roster {
  /** As last known. This replica and the leader are in it, pods or not. */
  list(): readonly Replica[];
  /** `holder` is the identity in the lease: a replica's name, `_`, and what tells its lives apart; "" if unknown. */
  lead(holder: string): void;
  /** Looks for pods until `signal` is aborted. Never rejects: while the API server is away the last list stays. */
  follow(signal: AbortSignal): Promise<void>;
}

/** Of the control plane's pods, as in `osm.yaml`. */
const SELECTOR = "app=osm-controller";
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const EVERY: Millis = 10_000;

export function createRoster({ client, namespace, self, pause }: RosterOptions): Roster {
  let pods: readonly string[] = [];
  let leader = "";
  return {
    list() {
      const names = new Set([self, ...pods, ...(leader === "" ? [] : [leader])]);
      return [...names].sort(compareText).map((name) => ({ name, leader: name === leader, self: name === self }));
    },
    lead(holder) {
      leader = holder.slice(0, Math.max(0, holder.lastIndexOf("_")));
    },
    async follow(signal) {
      const query = { labelSelector: SELECTOR, fieldSelector: "status.phase=Running" };
      const path = `/api/v1/namespaces/${namespace}/pods`;
      while (!signal.aborted) {
        const answer = await client.request({ path, query, accept: METADATA_ONLY, signal }).catch(() => undefined);
        if (answer !== undefined) pods = namesIn(answer);
        await pause(EVERY, signal);
      }
    },
  };
}

/** Without those that are on their way out. */
function namesIn(list: unknown): readonly string[] {
  const items: readonly unknown[] = isRecord(list) && Array.isArray(list["items"]) ? list["items"] : [];
  return items.flatMap((item) => {
    const metadata = isRecord(item) ? item["metadata"] : undefined;
    if (!isRecord(metadata) || metadata["deletionTimestamp"] !== undefined) return [];
    return typeof metadata["name"] === "string" ? [metadata["name"]] : [];
  });
}
