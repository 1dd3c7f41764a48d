/**
 * Events of the mesh's namespace about the control plane, where `kubectl get events` and what watches it look.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { hasStatus } from "../sources/kubernetes/kubernetes-error.ts";

export interface EventPlace {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  /** The replica that tells: its pod's name. */
  readonly replica: string;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
}

export interface MeshEvent {
  readonly type: "Normal" | "Warning";
  /** In upper camel case. */
  readonly reason: string;
  readonly message: string;
  /** Of what is told once, whoever tells it: there is no second Event of this name. */
  readonly name?: string;
}

/** The same is not said again for this long. */
export const QUIET: Millis = 10 * 60_000;
/** As long as the newer API of Events takes. */
const LONGEST_MESSAGE = 1024;

/** Rejects if the API server did not take it. */
export async function writeEvent({ client, namespace, replica, now }: EventPlace, event: MeshEvent): Promise<void> {
  const { type, reason, message, name } = event;
  const time = new Date(now()).toISOString().replace(/\.\d+Z$/, "Z");
  const body = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { ...(name === undefined ? { generateName: "osm-certificate-" } : { name }), namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name: replica },
    type,
    reason,
    message: message.slice(0, LONGEST_MESSAGE),
    source: { component: "osm-controller", host: replica },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  try {
    await client.request({ method: "POST", path: `/api/v1/namespaces/${namespace}/events`, body });
  } catch (cause) {
    if (name === undefined || !hasStatus(cause, 409)) throw cause;
  }
}
