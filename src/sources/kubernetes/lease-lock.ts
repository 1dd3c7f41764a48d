/**
 * One Lease object in the API, as one contender reads and writes it.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { isRecord } from "../../core/model/fields.ts";
import type { KubernetesClient } from "./client.ts";
import { hasStatus } from "./kubernetes-error.ts";
import { type LeaseSpec, type ObservedLease, observeLease, readLease, releaseLease, stepLease } from "./lease-step.ts";

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

export interface LeaseLockOptions {
  readonly client: KubernetesClient;
  readonly lease: LeaseName;
  /** Ours alone: a pod's name, and something that its next life does not share. */
  readonly identity: string;
  readonly duration: Millis;
  /** Does not jump; milliseconds. */
  now(): Millis;
  /** Epoch milliseconds. */
  wallClock(): Millis;
}

export type Hold =
  | { readonly held: true }
  /** `holder` is "" where another was quicker and is not known yet. */
  | { readonly held: false; readonly holder: string; readonly delay: Millis };

const LOST_THE_RACE: Hold = { held: false, holder: "", delay: 0 };

export class LeaseLock {
  readonly #options: LeaseLockOptions;
  #raw: Readonly<Record<string, unknown>> | undefined;
  #observed: ObservedLease | undefined;

  constructor(options: LeaseLockOptions) {
    this.#options = options;
  }

  /**
   * Takes or renews the lease if we may.
   *
   * @throws KubernetesError if the server did not answer well: whether we hold it is then as before.
   */
  async hold(signal: AbortSignal, timeout: Millis): Promise<Hold> {
    // The holder writes over what it wrote last; a conflict says that this is no longer what is there.
    if (this.#observed?.record.holder !== this.#options.identity) await this.#read(signal, timeout);
    try {
      return await this.#step(signal, timeout);
    } catch (cause) {
      if (!hasStatus(cause, 409) && !hasStatus(cause, 404)) throw cause;
    }
    await this.#read(signal, timeout);
    // A write of ours whose answer was lost conflicts with the next one.
    const ours = this.#observed?.record.holder === this.#options.identity;
    return ours ? this.#step(signal, timeout) : LOST_THE_RACE;
  }

  async #step(signal: AbortSignal, timeout: Millis): Promise<Hold> {
    const { identity, duration, now, wallClock } = this.#options;
    const step = stepLease(this.#observed, { identity, duration, now: now(), wallClock: wallClock() });
    if (step.kind === "wait") return { held: false, holder: step.holder, delay: step.delay };
    await this.#write(step.spec, signal, timeout);
    return { held: true };
  }

  /** @throws KubernetesError if that cannot be written; the lease then runs out by itself. */
  async release(signal: AbortSignal, timeout: Millis): Promise<void> {
    const record = this.#observed?.record;
    if (record?.holder !== this.#options.identity) return;
    await this.#write(releaseLease(record, this.#options.wallClock()), signal, timeout);
  }

  async #read(signal: AbortSignal, timeout: Millis): Promise<void> {
    try {
      this.#keep(
        await this.#options.client.request({ path: `${this.#collection()}/${this.#name()}`, signal, timeout }),
      );
    } catch (cause) {
      if (!hasStatus(cause, 404)) throw cause;
      this.#raw = undefined;
      this.#observed = undefined;
    }
  }

  async #write(spec: LeaseSpec, signal: AbortSignal, timeout: Millis): Promise<void> {
    const { client, lease } = this.#options;
    const fresh = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lease };
    const body = { ...(this.#raw ?? fresh), spec };
    const target =
      this.#raw === undefined
        ? { method: "POST" as const, path: this.#collection() }
        : { method: "PUT" as const, path: `${this.#collection()}/${this.#name()}` };
    this.#keep(await client.request({ ...target, body, signal, timeout }));
  }

  #keep(raw: unknown): void {
    this.#raw = isRecord(raw) ? raw : undefined;
    this.#observed = observeLease(this.#observed, readLease(raw), this.#options.now());
  }

  #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#options.lease.namespace}/leases`;
  }

  #name(): string {
    return this.#options.lease.name;
  }
}
