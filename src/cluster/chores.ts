/**
 * What one replica does for all, for as long as it leads: webhooks' bundles, and Secrets' owners.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { sweepBootstraps } from "./bootstrap-secrets.ts";
import { correctCaBundles, type WebhookConfigurations } from "./ca-bundle.ts";

export interface ChoreOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly webhooks: WebhookConfigurations;
  /** PEM, as it is now. */
  readonly trustBundle: () => string;
  readonly now: () => Millis;
  readonly onError: (chore: string, cause: unknown) => void;
  /** Resolves after `delay`, or as soon as the signal is aborted. */
  readonly pause: (delay: Millis, signal: AbortSignal) => Promise<void>;
}

const EVERY: Millis = 5000;

/** Never rejects. A chore that fails is told of and tried again; it does not keep the others from theirs. */
export async function doChores(options: ChoreOptions, signal: AbortSignal): Promise<void> {
  const { client, webhooks, trustBundle, now } = options;
  const chores: readonly (readonly [string, () => Promise<void>])[] = [
    ["webhook bundles", () => correctCaBundles(client, webhooks, trustBundle())],
    ["bootstrap secrets", () => sweepBootstraps(client, now(), signal)],
  ];
  while (!signal.aborted) {
    for (const [name, run] of chores) {
      await run().catch((cause: unknown) => {
        if (!signal.aborted) options.onError(name, cause);
      });
    }
    await options.pause(EVERY, signal);
  }
}
