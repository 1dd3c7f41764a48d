/**
 * What one replica does for all, for as long as it leads: webhooks' bundles, Secrets' owners, and proxies' credentials.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import { type CredentialSource, rotateBootstrapSecrets } from "./bootstrap-rotation.ts";
import { createSweeper } from "./bootstrap-secrets.ts";
import { correctCaBundles, type WebhookConfigurations } from "./ca-bundle.ts";

export interface ChoreOptions extends ChoreRun {
  readonly client: Pick<KubernetesClient, "request">;
  readonly webhooks: WebhookConfigurations;
  /** PEM, as it is now. */
  readonly trustBundle: () => string;
  /** Of proxies' bootstrap Secrets. */
  readonly credentials: CredentialSource;
  /** Does not jump. */
  readonly now: () => Millis;
  /** Told of each webhook configuration that had to be corrected. */
  readonly onCorrected: (configuration: string) => void;
  readonly others: readonly Chore[];
}

export interface ChoreRun {
  readonly onError: (chore: string, cause: unknown) => void;
  /** Resolves after `delay`, or as soon as the signal is aborted. */
  readonly pause: (delay: Millis, signal: AbortSignal) => Promise<void>;
}

/** A wrong bundle refuses pods; a Secret can wait for its owner. */
const EVERY: Millis = 5000;

/** What the leader does. Never rejects. */
export async function doChores(options: ChoreOptions, signal: AbortSignal): Promise<void> {
  const { client, webhooks, trustBundle, credentials, now } = options;
  const sweeper = createSweeper(client, now);
  const chores: readonly Chore[] = [
    {
      name: "webhook bundles",
      run: async () => {
        for (const one of await correctCaBundles(client, webhooks, trustBundle())) options.onCorrected(one);
      },
    },
    { name: "bootstrap secrets", run: () => sweeper.sweep(signal) },
    { name: "proxies' credentials", run: () => rotateBootstrapSecrets(client, credentials, signal) },
    ...options.others,
  ];
  await runChores(chores, options, signal);
}

/**
 * Runs each again and again until `signal` is aborted. Never rejects: one that fails is told of and tried again, and
 * keeps no other from its own.
 */
export async function runChores(chores: readonly Chore[], run: ChoreRun, signal: AbortSignal): Promise<void> {
  // Each at its own pace: a sweep of a thousand Secrets must not keep webhooks waiting for their bundle.
  await Promise.all(chores.map((chore) => repeat(chore, run, signal)));
}

/** Run again and again. */
export interface Chore {
  readonly name: string;
  run(): Promise<void>;
}

async function repeat({ name, run }: Chore, { onError, pause }: ChoreRun, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await run().catch((cause: unknown) => {
      if (!signal.aborted) onError(name, cause);
    });
    await pause(EVERY, signal);
  }
}
