/**
 * The token with which Vault is asked: read, kept alive, read anew when it was replaced.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";
import type { Redacted } from "../../core/base/redacted.ts";
import type { Clock } from "../clock.ts";
import type { VaultAnswer, VaultHttp } from "./vault-http.ts";

/** Between two looks at the clock: a timer for next week would sleep through a suspended machine. */
const LOOK_EVERY: Millis = 600_000;
const LEAST_WAIT: Millis = 1000;
const RETRY: Millis = 10_000;

const Seconds = v.pipe(v.number(), v.minValue(0));
const LookedUp = v.looseObject({ data: v.looseObject({ ttl: Seconds, renewable: v.boolean() }) });
const Renewed = v.looseObject({ auth: v.looseObject({ lease_duration: Seconds, renewable: v.boolean() }) });

export interface VaultTokenOptions {
  readonly http: VaultHttp;
  /** From the flag, or from the Secret as it is now. */
  readonly read: () => Promise<Redacted<string>>;
  readonly clock: Clock;
  /** Told once for each thing that an operator should see to. Must not throw. */
  readonly onWarning: (message: string) => void;
}

interface Lease {
  /** Epoch milliseconds; infinite for one without an end. */
  readonly endsAt: Millis;
  readonly renewAt: Millis;
  readonly renewable: boolean;
}

/** A token without a known end, which is only used. */
const UNKNOWN: Lease = { endsAt: Number.POSITIVE_INFINITY, renewAt: Number.POSITIVE_INFINITY, renewable: false };

export class VaultToken {
  readonly #options: VaultTokenOptions;
  #token: Redacted<string> | undefined;
  #lease: Lease = UNKNOWN;
  #cancel: () => void = () => {};
  #closed = false;
  #said = "";

  constructor(options: VaultTokenOptions) {
    this.#options = options;
  }

  /**
   * Makes a call with the token. One that Vault no longer takes is read again, once: it may have been replaced.
   *
   * Rejects with what `read` or `call` of the connection reject with.
   */
  async use(call: (token: Redacted<string>) => Promise<VaultAnswer>): Promise<VaultAnswer> {
    const token = this.#token ?? (await this.#adopt());
    const answer = await call(token);
    if (answer.status !== 403) return answer;
    const fresh = await this.#options.read();
    if (fresh.reveal() === token.reveal()) return answer;
    return call(await this.#adopt(fresh));
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #adopt(fresh?: Redacted<string>): Promise<Redacted<string>> {
    const token = fresh ?? (await this.#options.read());
    this.#token = token;
    const { status, json } = await this.#options.http.call({ path: "auth/token/lookup-self", token });
    const read = v.safeParse(LookedUp, json);
    if (status === 200 && read.success) {
      const { ttl, renewable } = read.output.data;
      this.#accept(ttl * 1000, renewable);
    } else {
      this.#lease = UNKNOWN;
    }
    this.#schedule();
    return token;
  }

  #accept(left: Millis, renewable: boolean): void {
    const now = this.#options.clock.now();
    // 0 is what a token without an end says.
    this.#lease = left === 0 ? UNKNOWN : { endsAt: now + left, renewAt: now + left / 2, renewable };
    if (left > 0 && !renewable) this.#warn(`it cannot be renewed and ends at ${textOf(this.#lease.endsAt)}`);
  }

  #schedule(): void {
    this.#cancel();
    const { clock } = this.#options;
    const { renewable, renewAt } = this.#lease;
    if (this.#closed || !renewable) return;
    const at = Math.max(clock.now() + LEAST_WAIT, Math.min(renewAt, clock.now() + LOOK_EVERY));
    this.#cancel = clock.schedule(at, () => void this.#look()); // #look never rejects
  }

  async #look(): Promise<void> {
    if (this.#options.clock.now() >= this.#lease.renewAt) await this.#renew();
    this.#schedule();
  }

  async #renew(): Promise<void> {
    const { http, clock } = this.#options;
    const token = this.#token;
    if (token === undefined) return;
    const before = this.#lease;
    const now = clock.now();
    const retry = { ...before, renewAt: now + Math.min(RETRY, Math.max(LEAST_WAIT, (before.endsAt - now) / 4)) };
    try {
      const { status, json } = await http.call({ path: "auth/token/renew-self", token, body: {} });
      const read = v.safeParse(Renewed, json);
      // Replaced by a newer one meanwhile.
      if (this.#token !== token) return;
      if (status !== 200 || !read.success) {
        this.#lease = status === 403 ? { ...before, renewable: false } : retry;
        this.#warn(`it was not renewed (${status}) and ends at ${textOf(before.endsAt)}`);
        return;
      }
      const { lease_duration: seconds, renewable } = read.output.auth;
      this.#accept(seconds * 1000, renewable);
      // Its longest life comes in sight: renewals give less and less.
      if (this.#lease.endsAt <= before.endsAt) this.#warn(`it cannot live beyond ${textOf(this.#lease.endsAt)}`);
    } catch {
      // The connection's failure shows itself in the next leaf as well.
      this.#lease = retry;
    }
  }

  #warn(detail: string): void {
    const message = `the token for ${this.#options.http.what}: ${detail}; give another one in time`;
    if (message !== this.#said && !this.#closed) this.#options.onWarning(message);
    this.#said = message;
  }
}

function textOf(at: Millis): string {
  return Number.isFinite(at) ? new Date(at).toISOString() : "no time";
}
