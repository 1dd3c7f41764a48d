/**
 * Where Events land in tests: as an API server takes them, or refuses them while it is away.
 *
 * @module
 */
import { isRecord } from "../../core/model/fields.ts";
import { KubernetesError } from "../../sources/kubernetes/kubernetes-error.ts";
import type { EventPlace } from "../mesh-event.ts";

export interface LoggedEvent {
  readonly type: unknown;
  readonly reason: unknown;
  readonly message: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export class EventLog {
  readonly events: LoggedEvent[] = [];
  /** Rejects what is written. */
  away = false;
  now = Date.UTC(2026, 10, 23);
  readonly #names = new Set<unknown>();

  place(replica = "osm-controller-1"): EventPlace {
    const client: EventPlace["client"] = {
      request: async ({ method = "GET", path, body }) => {
        if (this.away) throw new Error("connection refused");
        if (method !== "POST" || path !== "/api/v1/namespaces/osm-system/events" || !isRecord(body))
          throw new Error(`not an Event: ${method} ${path}`);
        this.#take(body, path);
      },
    };
    return { client, namespace: "osm-system", replica, now: () => this.now };
  }

  /** What was written since the last call, as `type reason: message`. */
  taken(): readonly string[] {
    return this.events.splice(0).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  }

  #take(body: Readonly<Record<string, unknown>>, path: string): void {
    const { metadata, type, reason, message } = body;
    const name = isRecord(metadata) ? metadata["name"] : undefined;
    if (name !== undefined && this.#names.has(name))
      throw new KubernetesError({ method: "POST", path, status: 409, reason: "AlreadyExists", detail: "is there" });
    if (name !== undefined) this.#names.add(name);
    this.events.push({ type, reason, message: String(message), body });
  }
}
