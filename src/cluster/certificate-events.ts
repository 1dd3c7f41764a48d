/**
 * Tells of certificates that are not renewed in time by Events of the mesh's namespace, where `kubectl get events` and
 * what watches it look.
 *
 * @module
 */
import type { Alarm } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { Chore } from "./chores.ts";

export interface CertificateEventOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  /** This replica's name. */
  readonly replica: string;
  readonly alarms: () => readonly Alarm[];
  /** Epoch milliseconds. */
  readonly now: () => Millis;
}

const REASONS = {
  overdue: "CertificateRenewalOverdue",
  critical: "CertificateAboutToExpire",
  expired: "CertificateExpired",
} as const;
/** The same is not said again for this long. */
const QUIET: Millis = 10 * 60_000;
/** Of one look: the most urgent. */
const MOST = 10;

export function certificateEvents({ client, namespace, replica, alarms, now }: CertificateEventOptions): Chore {
  const said = new Map<string, Millis>();
  return {
    name: "certificate events",
    async run() {
      const at = now();
      for (const [key, before] of said) if (at - before > QUIET || before > at) said.delete(key);
      for (const { kind, certificate, message } of alarms().slice(0, MOST)) {
        const key = `${kind} ${certificate.class} ${certificate.name}`;
        if (said.has(key)) continue;
        const body = eventOf({ namespace, replica, reason: REASONS[kind], message, at });
        await client.request({ method: "POST", path: `/api/v1/namespaces/${namespace}/events`, body });
        said.set(key, at);
      }
    },
  };
}

interface EventText {
  readonly namespace: string;
  readonly replica: string;
  readonly reason: string;
  readonly message: string;
  readonly at: Millis;
}

function eventOf({ namespace, replica, reason, message, at }: EventText): unknown {
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { generateName: "osm-certificate-", namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name: replica },
    type: "Warning",
    reason,
    message,
    source: { component: "osm-controller", host: replica },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}
