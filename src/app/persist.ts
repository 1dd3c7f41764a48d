/**
 * Tries what the start needs of the API server until it works.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Millis } from "../core/base/millis.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";
import type { Logger } from "../telemetry/logger.ts";

const RETRY: Millis = 1000;

export interface Persistence {
  /** For the log. */
  readonly what: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * At the start the API server may be away, or a CRD not yet established.
 *
 * Rejects with what is not the API server's doing, such as a root that cannot be read; and once `signal` is aborted.
 */
export async function persist<T>({ what, log, signal }: Persistence, attempt: () => Promise<T>): Promise<T> {
  let said = "";
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (cause) {
      if (!(cause instanceof KubernetesError)) throw cause;
      const error = String(cause);
      // Once for each complaint, not once a second.
      if (error !== said) log.error("the start waits for the API server", { for: what, error });
      said = error;
    }
    await sleep(RETRY, undefined, { signal });
  }
}
