/**
 * Looks whether a step has reached everybody, and takes the next one when it has: the part that only the leader plays.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { type Demand, judge, type ProxyStanding, type ReplicaReport, shortfall, type Verdict } from "./gate.ts";
import { advance, type MovingRecord, mayAdvance, type RotationRecord } from "./record.ts";
import type { OpenRoots } from "./roots.ts";

/** A verdict must hold for this long: Envoy's workers take a secret a moment after it was acknowledged. */
export const SETTLE: Millis = 2000;

export interface AdvancerOptions {
  readonly roots: () => OpenRoots;
  readonly change: (step: (record: RotationRecord) => RotationRecord) => Promise<RotationRecord>;
  /** Every living pod of the mesh with a proxy. */
  readonly standings: () => readonly ProxyStanding[];
  /** The other replicas that live. */
  readonly others: () => readonly ReplicaReport[];
  /** Steps are taken here. */
  readonly leads: () => boolean;
  /** What must be done before the next step beside what proxies do. Rejects while it is not done. */
  readonly prepare?: (record: MovingRecord) => Promise<void>;
  /** Epoch milliseconds. */
  readonly now: () => Millis;
  readonly settle?: Millis;
}

export interface Progress extends Verdict {
  readonly record: RotationRecord;
}

export class Advancer {
  readonly #options: AdvancerOptions;
  /** UUIDs that accepted `#step`. */
  #passed = new Set<string>();
  #step = -1;
  #overSince: Millis | undefined;
  #advancing = false;

  constructor(options: AdvancerOptions) {
    this.#options = options;
  }

  /** How far the step has got. Cheap enough to be asked at any time. */
  progress(): Progress {
    const roots = this.#options.roots();
    const { record } = roots;
    const standings = this.#options.standings();
    if (record.phase === "steady")
      return { record, proxies: standings.length, passed: standings.length, laggards: [], over: true };
    const shortfalls = this.#take(roots, record, standings);
    const question = { record, standings, shortfalls, passed: this.#passed, others: this.#options.others() };
    return { record, ...judge(question) };
  }

  /** What this replica tells the others. */
  report(replica: string): ReplicaReport {
    const { record } = this.progress();
    const connected = this.#options.standings().filter((one) => one.connected);
    const passed = record.phase === "steady" ? [] : [...this.#passed];
    const pending = connected.map(({ uuid }) => uuid).filter((uuid) => !this.#passed.has(uuid));
    return { replica, step: record.step, passed, pending: record.phase === "steady" ? [] : pending };
  }

  /** Takes the next step if it is time. Rejects if that could not be written; it is tried again at the next look. */
  async look(): Promise<void> {
    const { leads, now, settle = SETTLE, prepare, change } = this.#options;
    const { record, over } = this.progress();
    if (record.phase === "steady" || !over || !leads()) {
      this.#overSince = undefined;
      return;
    }
    const at = now();
    // A clock that was set back begins anew.
    if (this.#overSince === undefined || this.#overSince > at) this.#overSince = at;
    if (at - this.#overSince < settle || this.#advancing || !mayAdvance(record)) return;
    this.#advancing = true;
    try {
      await prepare?.(record);
      if (!leads() || !this.progress().over) return;
      await change((current) => (current.step === record.step ? advance(current, now()) : current));
    } finally {
      this.#advancing = false;
      this.#overSince = undefined;
    }
  }

  /** By UUID, why the connected ones have not passed; remembers who has. */
  #take(roots: OpenRoots, record: MovingRecord, standings: readonly ProxyStanding[]): ReadonlyMap<string, string> {
    if (record.step !== this.#step) {
      this.#step = record.step;
      this.#passed = new Set();
      this.#overSince = undefined;
    }
    const demand = demandOf(roots, record);
    const shortfalls = new Map<string, string>();
    const alive = new Set<string>();
    for (const standing of standings) {
      const { uuid, connected } = standing;
      alive.add(uuid);
      if (!connected) continue;
      const short = shortfall(record.phase, demand, standing);
      if (short === undefined) this.#passed.add(uuid);
      else {
        this.#passed.delete(uuid);
        shortfalls.set(uuid, short);
      }
    }
    for (const uuid of this.#passed) if (!alive.has(uuid)) this.#passed.delete(uuid);
    return shortfalls;
  }
}

export function demandOf({ trust, plan, signing }: OpenRoots, { phase }: MovingRecord): Demand {
  const { trustDomains } = plan;
  return phase === "trusting" ? { trust, trustDomains } : { trust, trustDomains, issuer: signing.issuerId };
}
