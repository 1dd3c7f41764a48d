/**
 * Remembers since when a provider fails, and asks it ever less often meanwhile.
 *
 * A thousand identities that are due during an outage would each ask by themselves. Here one of them asks, with an
 * exponential back-off and jitter, and the others are told at once; the leaf store keeps their leaves in force.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Clock } from "../clock.ts";
import type { Outage } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import { retryDelay } from "../renewal.ts";
import { ProviderUnavailable } from "./unavailable.ts";

/** The back-off's cap is a twentieth of it: half a minute. */
const BACK_OFF_SPAN: Millis = 600_000;

export type OutageEvent =
  | { readonly kind: "began"; readonly error: unknown }
  | { readonly kind: "ended"; readonly lasted: Millis; readonly failures: number };

export interface OutageWatchOptions {
  readonly provider: string;
  readonly clock: Pick<Clock, "now">;
  /** In [0, 1). */
  readonly random: () => number;
  /** Must not throw. */
  readonly onEvent: (event: OutageEvent) => void;
}

export class OutageWatch {
  readonly #options: OutageWatchOptions;
  #outage: Outage | undefined;

  constructor(options: OutageWatchOptions) {
    this.#options = options;
  }

  current(): Outage | undefined {
    return this.#outage;
  }

  /** Runs `work`, or rejects at once with `ProviderUnavailable` of kind `waiting` during an outage. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#takeTurn();
    try {
      const result = await work();
      this.#succeeded();
      return result;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #takeTurn(): void {
    const outage = this.#outage;
    if (outage === undefined) return;
    const { provider, clock } = this.#options;
    const now = clock.now();
    // A clock that was set back would make the wait as long as it was ahead.
    if (now < outage.retryAt && now >= outage.since) {
      const detail = `it has failed since ${textOf(outage.since)} and is not asked again before ${textOf(outage.retryAt)}`;
      const told = { provider, kind: "waiting", detail, wayOut: "the first failure says why" } as const;
      throw new ProviderUnavailable(told, { cause: outage.error });
    }
    // Others wait while this one asks.
    this.#outage = { ...outage, retryAt: now + this.#delay(outage.failures) };
  }

  #succeeded(): void {
    if (this.#outage === undefined) return;
    const { since, failures } = this.#outage;
    this.#outage = undefined;
    this.#options.onEvent({ kind: "ended", lasted: Math.max(0, this.#options.clock.now() - since), failures });
  }

  #failed(error: unknown): void {
    // The provider answered, and others may have what this one may not.
    if (error instanceof IssueRefused && error.reason.kind === "provider-refused") return;
    const now = this.#options.clock.now();
    const began = this.#outage === undefined;
    const failures = (this.#outage?.failures ?? 0) + 1;
    const since = Math.min(this.#outage?.since ?? now, now);
    this.#outage = { since, failures, error, retryAt: now + this.#delay(failures) };
    if (began) this.#options.onEvent({ kind: "began", error });
  }

  #delay(failures: number): Millis {
    return retryDelay(failures, BACK_OFF_SPAN, this.#options.random());
  }
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
