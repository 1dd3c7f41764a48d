/**
 * Tries what the start needs of the API server, or of the certificate provider, until it works.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
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
 * At the start the API server or the provider may be away, or a CRD not yet established.
 *
 * Rejects with what is not their doing, such as a root that cannot be read; and once `signal` is aborted.
 */
export async function persist<T>({ what, log, signal }: Persistence, attempt: () => Promise<T>): Promise<T> {
  let said = "";
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (cause) {
      const by = waitsFor(cause);
      if (by === undefined) throw cause;
      const error = String(cause);
      // Once for each complaint, not once a second.
      if (error !== said) log.error(`the start waits for ${by}`, { for: what, error });
      said = error;
    }
    await sleep(RETRY, undefined, { signal });
  }
}

function waitsFor(cause: unknown): string | undefined {
  if (cause instanceof KubernetesError) return "the API server";
  return cause instanceof ProviderUnavailable ? "the certificate provider" : undefined;
}
