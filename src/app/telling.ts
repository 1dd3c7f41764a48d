/**
 * What each replica tells by Events, whether it leads or not: it alone knows its own certificates, those of the proxies
 * that are connected to it, and whether it reaches the provider.
 *
 * @module
 */
import { certificateEvents } from "../cluster/certificate-events.ts";
import { type ChoreRun, runChores } from "../cluster/chores.ts";
import type { EventPlace } from "../cluster/mesh-event.ts";
import { outageEvents } from "../cluster/outage-events.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { ControlPlane } from "./control-plane.ts";

/** Where this replica's Events go. */
export function eventPlace(
  client: KubernetesClient,
  { settings, replica }: Pick<ClusterOptions, "settings" | "replica">,
): EventPlace {
  return { client, namespace: settings.meshNamespace, replica, now: () => Date.now() };
}

export interface Telling {
  readonly place: EventPlace;
  readonly plane: Pick<ControlPlane, "watch" | "providers">;
  readonly log: Pick<Logger, "error">;
  readonly pause: ChoreRun["pause"];
}

/** Until `signal` is aborted. Never rejects: while the API server is away, health and metrics tell alone. */
export function tellOfCertificates({ place, plane, log, pause }: Telling, signal: AbortSignal): Promise<void> {
  // An API server that says nothing must not keep a replica from stopping.
  const client: EventPlace["client"] = { request: (request) => place.client.request({ ...request, signal }) };
  const until = { ...place, client };
  const chores = [certificateEvents(until, () => plane.watch().alarms), outageEvents(until, plane.providers)];
  const onError = (chore: string, cause: unknown): void =>
    log.error("an Event could not be written and is tried again", { chore, error: String(cause) });
  return runChores(chores, { onError, pause }, signal);
}
