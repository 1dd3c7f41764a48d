/**
 * What the replica that leads does.
 *
 * @module
 */
import { webhookConfigurations } from "../cluster/ca-bundle.ts";
import { type ChoreOptions, doChores } from "../cluster/chores.ts";
import { meshRoots } from "../cluster/mesh-roots.ts";
import type { Roster } from "../cluster/replicas.ts";
import { type RotationTeller, rotationEvents } from "../cluster/rotation-events.ts";
import type { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { runWhileLeader } from "../sources/kubernetes/lease.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { bootstrapCredentials } from "./cluster-rotation.ts";
import type { ControlPlane } from "./control-plane.ts";
import { objectChores } from "./object-chores.ts";
import { eventPlace } from "./telling.ts";

const LEASE = "osm-controller";

export interface Leading {
  readonly client: KubernetesClient;
  readonly options: Pick<ClusterOptions, "settings" | "replica">;
  readonly plane: ControlPlane;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly replicas: Roster;
  readonly pause: ChoreOptions["pause"];
  /** Told when this replica begins to lead, and when it does no more. */
  readonly onLeads: (leads: boolean) => void;
}

/** Campaigns, leads and does the chores until `signal` is aborted; then gives the lease back. Never rejects. */
export function lead(leading: Leading, signal: AbortSignal): Promise<void> {
  const { client, options, log, replicas } = leading;
  const { settings, replica } = options;
  return runWhileLeader(
    {
      client,
      lease: { namespace: settings.meshNamespace, name: LEASE },
      identity: `${replica}_${crypto.randomUUID()}`,
      onHolder: (holder) => replicas.lead(holder),
      onError: (cause) => log.error("leader election", { error: String(cause) }),
    },
    signal,
    (term) => {
      log.info("leads", { replica });
      leading.onLeads(true);
      // At once, not when the chores have ended: another replica may lead by then.
      term.addEventListener("abort", () => leading.onLeads(false), { once: true });
      return doChores(choresOf(leading, rotationTeller(leading, term)), term);
    },
  );
}

function rotationTeller({ client, options, plane }: Leading, term: AbortSignal): RotationTeller {
  const { rotator, progress } = plane.rotation;
  const teller = rotationEvents(eventPlace(client, options), rotator.roots().record, progress);
  term.addEventListener(
    "abort",
    rotator.onChange(({ record }) => teller.note(record)),
    { once: true },
  );
  return teller;
}

function choresOf({ client, options, plane, metrics, log, pause }: Leading, rotation: RotationTeller): ChoreOptions {
  return {
    client,
    webhooks: webhookConfigurations(options.settings.meshName),
    trustBundle: () => plane.authority.trustBundle().join(""),
    credentials: bootstrapCredentials(plane),
    now: () => performance.now(),
    onCorrected(configuration) {
      log.info("corrected the caBundle of a webhook configuration", { configuration });
      metrics.reconciled("WebhookConfiguration");
    },
    others: [
      rotation,
      meshRoots({
        client,
        namespace: options.settings.meshNamespace,
        rotator: plane.rotation.rotator,
        certificates: () => meshRootsIn(plane, options.settings.meshNamespace),
        now: () => Date.now(),
      }),
      ...objectChores({ client, plane, log, meshName: options.settings.meshName }),
    ],
    onError: (chore, cause) => log.error("a chore failed and is tried again", { chore, error: String(cause) }),
    pause,
  };
}

/** Read once everything was compiled: before, nobody knows what the MeshConfig wants. */
export function meshRootsIn(plane: ControlPlane, namespace: string): readonly MeshRootCertificate[] | undefined {
  const mesh = plane.engine.loop.mesh();
  if (mesh?.graph.config.featureFlags.enableMeshRootCertificate !== true) return undefined;
  return [...mesh.snapshot.objects.MeshRootCertificate.values()].filter(({ meta }) => meta.namespace === namespace);
}
