/**
 * What tests of leaf renewal stand on: a clock moved by hand, and an issuer without cryptography.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ServiceAccountName } from "../../core/base/identity.ts";
import { Redacted } from "../../core/base/redacted.ts";
import type { Clock } from "../clock.ts";
import { type Leaf, leafVersion } from "../leaf.ts";
import { type LeafFailure, type LeafIssuer, LeafStore } from "../leaves.ts";
import { backdateOf } from "../renewal.ts";

export const START = Date.UTC(2026, 10, 1);
export const ISSUER = "ab".repeat(32);

/** A clock moved by hand. Timers run by elapsed time, as the runtime's do, so a jump does not move them. */
export class HandClock implements Clock {
  wall = START;
  elapsed = 0;
  scheduled = 0;
  readonly timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.wall;
  }

  schedule(at: number, run: () => void): () => void {
    const timer = { at: this.elapsed + Math.max(0, at - this.wall), run };
    this.timers.add(timer);
    this.scheduled += 1;
    return () => this.timers.delete(timer);
  }

  /** Lets time pass until `until`, with every timer run in its turn and `settle` after each. */
  async pass(span: number, settle: () => Promise<void>): Promise<void> {
    const end = this.elapsed + span;
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#moveTo(next.at);
      this.timers.delete(next);
      next.run();
      await settle();
    }
    this.#moveTo(end);
  }

  #moveTo(elapsed: number): void {
    this.wall += elapsed - this.elapsed;
    this.elapsed = elapsed;
  }
}

/** Issues at once, without any cryptography. */
class FakeIssuer implements LeafIssuer {
  issuerId = ISSUER;
  asked = 0;
  mostAtOnce = 0;
  fails: Error | undefined;
  /** Resolves each issue; replaced by a test that holds them back. */
  gate: Promise<void> = Promise.resolve();
  #atOnce = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async issue(_subject: unknown, life: number): Promise<Leaf> {
    this.asked += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await this.gate.finally(() => {
      this.#atOnce -= 1;
    });
    if (this.fails !== undefined) throw this.fails;
    const issuedAt = this.#clock.now();
    const serial = this.asked.toString(16).padStart(32, "0").split("").reverse().join("");
    const [issuerId, notAfter] = [this.issuerId, issuedAt + life];
    const key = new Redacted("key");
    const version = leafVersion({ issuerId, notAfter, serial });
    return {
      chain: serial,
      key,
      issuerId,
      serial,
      notBefore: issuedAt - backdateOf(life),
      notAfter,
      issuedAt,
      version,
    };
  }
}

export function setUp(life: number, random: () => number = () => 0.5) {
  const clock = new HandClock();
  const issuer = new FakeIssuer(clock);
  const failures: LeafFailure[] = [];
  const renewed: { readonly account: ServiceAccountName; readonly leaf: Leaf }[] = [];
  const store = new LeafStore({ issuer, clock, random, life, onFailure: (failure) => failures.push(failure) });
  store.onRenewed((account, leaf) => renewed.push({ account, leaf }));
  const pass = (span: number) => clock.pass(span, () => store.settled());
  return { clock, issuer, failures, renewed, store, pass };
}

export function currentOf(store: LeafStore, account: ServiceAccountName): Leaf {
  const leaf = store.current(account);
  assert.ok(leaf !== undefined, `no leaf for ${account.name}`);
  return leaf;
}

export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
