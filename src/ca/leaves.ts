/**
 * The current service leaf of each service account: issued on demand, replaced in time, dropped when no longer wanted.
 *
 * What is due is decided by wall clock, from the leaves' own dates, at least every 30 s: a timer set for tomorrow
 * would sleep through a suspended machine or a corrected clock. A failed issue leaves the old leaf in force.
 *
 * @module
 */
import type { ServiceAccountName } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { compareNames, keyOf } from "../core/base/ref.ts";
import { type AdoptedLeaf, AdoptedLeaves } from "./adopted-leaves.ts";
import type { Clock } from "./clock.ts";
import { issuerPrefix, type Leaf, parseLeafVersion } from "./leaf.ts";
import { bySoonestEnd, isDue, type LeafEntry, newEntry, nextLookAt } from "./leaf-entry.ts";
import { dueOfHeld, isLongerThan, renewAt, retryDelay } from "./renewal.ts";
import type { LeafSubject } from "./subject.ts";

const RECHECK: Millis = 30_000;
/** Between two leaves of one identity, whatever a provider or a clock does. */
const LEAST_SPACING: Millis = 1000;
/** Over which leaves are replaced when a shorter life makes all of them too old at once. */
const MOST_SPREAD: Millis = 10_000;
/** Renewals under way at a time, so that a rotation of all leaves leaves room for the streams. */
const MAX_RENEWALS = 4;

/** What the store asks for leaves: `Authority`, or a test's. */
export interface LeafIssuer {
  readonly issuerId: string;
  issue(subject: LeafSubject, life: Millis): Promise<Leaf>;
}

export interface LeafFailure {
  readonly serviceAccount: ServiceAccountName;
  readonly error: unknown;
  /** The leaf that stays in force, if there is one. */
  readonly current: Leaf | undefined;
  readonly retryAt: Millis;
}

export interface LeafStoreOptions {
  readonly issuer: LeafIssuer;
  readonly clock: Clock;
  /** In [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** Of new leaves, at least 10 s. */
  readonly life: Millis;
  /** Called for every failed issue. Must not throw. */
  readonly onFailure: (failure: LeafFailure) => void;
}

/** Told of a leaf that replaces another, or that came after its first demand had failed. Must not throw. */
export type RenewedListener = (serviceAccount: ServiceAccountName, leaf: Leaf) => void;

export const LEAST_LIFE: Millis = 10_000;

export class LeafStore {
  readonly #issuer: LeafIssuer;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onFailure: (failure: LeafFailure) => void;
  readonly #entries = new Map<string, LeafEntry>();
  readonly #adopted = new AdoptedLeaves();
  readonly #listeners = new Set<RenewedListener>();
  #life: Millis;
  #lastCheck: Millis;
  #lastIssuer: string;
  #renewals = 0;
  #stopped = false;
  #cancelTimer: () => void = () => {};

  constructor({ issuer, clock, random, life, onFailure }: LeafStoreOptions) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#random = random;
    this.#onFailure = onFailure;
    this.#life = checkedLife(life);
    this.#lastCheck = clock.now();
    this.#lastIssuer = issuer.issuerId;
  }

  /** The leaf in force, if the identity has one already. */
  current(serviceAccount: ServiceAccountName): Leaf | undefined {
    return this.#entries.get(keyOf(serviceAccount))?.leaf;
  }

  /** All leaves in force, sorted by service account. */
  all(): readonly { readonly serviceAccount: ServiceAccountName; readonly leaf: Leaf }[] {
    return [...this.#entries.values()]
      .flatMap(({ serviceAccount, leaf }) => (leaf === undefined ? [] : [{ serviceAccount, leaf }]))
      .sort((a, b) => compareNames(a.serviceAccount, b.serviceAccount));
  }

  /**
   * The leaf in force, issued now if there is none. Demands at one time share one issue.
   *
   * Rejects with the issuer's error. The store tries again by itself and tells the listeners; until then further
   * demands get the same error without asking the issuer.
   */
  demand(serviceAccount: ServiceAccountName): Promise<Leaf> {
    const entry = this.#entryOf(serviceAccount);
    if (entry.leaf !== undefined) return Promise.resolve(entry.leaf);
    if (entry.underWay !== undefined) return entry.underWay;
    if (this.#clock.now() < entry.retryAt) return Promise.reject(entry.lastError);
    return this.#issue(entry);
  }

  /** @returns a function that ends the subscription. */
  onRenewed(listener: RenewedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Drops the leaves of all other identities. */
  retain(wanted: Iterable<ServiceAccountName>): void {
    const keys = new Set([...wanted].map(keyOf));
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
    this.#adopted.retain(keys);
    this.#reschedule();
  }

  /** Changes the life of new leaves. Leaves of a longer one are replaced at once, spread over a few seconds. */
  setLife(life: Millis): void {
    this.#life = checkedLife(life);
    for (const entry of this.#entries.values()) {
      if (entry.leaf !== undefined) entry.dueAt = Math.min(entry.dueAt, this.#dueIfTooLong(entry.leaf));
    }
    this.#reschedule();
  }

  /**
   * Says whether a proxy may keep the leaf that it says it holds, from this control plane before a restart, or another
   * replica: same issuer, and not yet due by our rule. The identity's next renewal then comes no later than that
   * leaf's would have.
   *
   * The version is the proxy's word. At worst it brings forward one renewal of its own identity: once a leaf was
   * renewed here, a leaf that is due sooner is replaced by the current one instead.
   */
  adopt(serviceAccount: ServiceAccountName, heldVersion: string): boolean {
    const entry = this.#entries.get(keyOf(serviceAccount));
    if (entry?.leaf?.version === heldVersion) return true;
    const dueAt = this.#dueOfHeld(heldVersion);
    const isKept = dueAt !== undefined && this.#mayKeep(entry, dueAt);
    // With nothing to replace it by, the proxy goes on with it, good or not.
    if (isKept || entry?.leaf === undefined)
      this.#adopted.note(serviceAccount, heldVersion, { now: this.#clock.now(), life: this.#life, dueAt });
    return isKept;
  }

  /** What proxies go on with by `adopt`, until this process has renewed it. */
  adopted(): readonly AdoptedLeaf[] {
    return this.#adopted.all();
  }

  /** Looks for due leaves now; for those who know that the issuer has changed. */
  recheck(): void {
    if (this.#stopped) return;
    const now = this.#clock.now();
    const { issuerId } = this.#issuer;
    // Waiting times set by a clock that ran ahead would last until it is reached again. And what an issuer failed at is
    // no reason to keep the next one waiting.
    if (now < this.#lastCheck || issuerId !== this.#lastIssuer)
      for (const entry of this.#entries.values()) entry.retryAt = Math.min(entry.retryAt, now);
    this.#lastCheck = now;
    this.#lastIssuer = issuerId;
    const due = [...this.#entries.values()].filter((entry) => isDue(entry, issuerId, now)).sort(bySoonestEnd);
    for (const entry of due.slice(0, Math.max(0, MAX_RENEWALS - this.#renewals))) this.#renew(entry);
    this.#reschedule();
  }

  /** Resolves when no issue is under way. Never rejects. */
  async settled(): Promise<void> {
    for (let busy = this.#underWay(); busy.length > 0; busy = this.#underWay()) await Promise.allSettled(busy);
  }

  /** Ends all renewal. The leaves stay readable. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  #mayKeep(entry: LeafEntry | undefined, dueAt: Millis): boolean {
    if (entry?.leaf === undefined || dueAt >= entry.dueAt) return true;
    // Ours is of another root, and about to be replaced: the proxy must not go back to it, for nobody may trust it soon.
    if (entry.leaf.issuerId !== this.#issuer.issuerId) return true;
    if (entry.issues > 1) return false;
    entry.dueAt = dueAt;
    this.#reschedule();
    return true;
  }

  #underWay(): readonly Promise<Leaf>[] {
    return [...this.#entries.values()].flatMap(({ underWay }) => underWay ?? []);
  }

  #entryOf(serviceAccount: ServiceAccountName): LeafEntry {
    const key = keyOf(serviceAccount);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry = newEntry(serviceAccount, this.#clock.now());
    this.#entries.set(key, entry);
    return entry;
  }

  #renew(entry: LeafEntry): void {
    this.#renewals += 1;
    const done = () => {
      this.#renewals -= 1;
      this.recheck(); // others may be waiting for their turn
    };
    void this.#issue(entry).then(done, done); // a failure was recorded by then
  }

  #issue(entry: LeafEntry): Promise<Leaf> {
    const subject = { kind: "service", serviceAccount: entry.serviceAccount } as const;
    const work = Promise.resolve()
      .then(() => this.#issuer.issue(subject, this.#life))
      .finally(() => {
        entry.underWay = undefined;
      })
      .then(
        (leaf) => this.#accept(entry, leaf),
        (error: unknown) => this.#fail(entry, error),
      );
    entry.underWay = work;
    return work;
  }

  #accept(entry: LeafEntry, leaf: Leaf): Leaf {
    if (this.#isDropped(entry)) return leaf;
    const key = keyOf(entry.serviceAccount);
    const isNews = entry.leaf !== undefined || entry.failures > 0;
    const heldDue = entry.leaf === undefined ? this.#adopted.dueAt(key) : Number.POSITIVE_INFINITY;
    entry.leaf = leaf;
    entry.issues += 1;
    entry.failures = 0;
    entry.retryAt = this.#clock.now() + LEAST_SPACING;
    entry.dueAt = Math.min(renewAt(leaf, this.#random()), heldDue, this.#dueIfTooLong(leaf));
    this.#reschedule();
    if (!isNews) return leaf;
    // Whoever is connected is sent this one.
    this.#adopted.drop(key);
    for (const listener of this.#listeners) listener(entry.serviceAccount, leaf);
    return leaf;
  }

  #fail(entry: LeafEntry, error: unknown): never {
    if (!this.#isDropped(entry)) {
      entry.failures += 1;
      entry.lastError = error;
      entry.retryAt = this.#clock.now() + retryDelay(entry.failures, this.#life, this.#random());
      this.#reschedule();
      const { serviceAccount, leaf: current, retryAt } = entry;
      this.#onFailure({ serviceAccount, error, current, retryAt });
    }
    throw error;
  }

  #isDropped(entry: LeafEntry): boolean {
    return this.#stopped || this.#entries.get(keyOf(entry.serviceAccount)) !== entry;
  }

  #dueIfTooLong(leaf: Leaf): Millis {
    if (!isLongerThan(leaf, this.#life)) return Number.POSITIVE_INFINITY;
    return this.#clock.now() + this.#random() * Math.min(MOST_SPREAD, this.#life / 10);
  }

  #dueOfHeld(version: string): Millis | undefined {
    const held = parseLeafVersion(version);
    if (held === undefined || held.issuer !== issuerPrefix(this.#issuer.issuerId)) return undefined;
    return dueOfHeld({ notAfter: held.notAfter, life: this.#life, now: this.#clock.now() }, this.#random());
  }

  #reschedule(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (this.#stopped || this.#entries.size === 0) return;
    const now = this.#clock.now();
    const { issuerId } = this.#issuer;
    // With all places taken, the end of any renewal looks again.
    const waiting =
      this.#renewals < MAX_RENEWALS ? [...this.#entries.values()].map((entry) => nextLookAt(entry, issuerId)) : [];
    // From the last look, not from now: what calls this more often than that must not put the next one off for ever.
    const nextCheck = now < this.#lastCheck ? now : this.#lastCheck + RECHECK;
    const at = waiting.reduce((soonest, one) => Math.min(soonest, one), nextCheck);
    this.#cancelTimer = this.#clock.schedule(Math.max(at, now), () => this.recheck());
  }
}

function checkedLife(life: Millis): Millis {
  if (life >= LEAST_LIFE && Number.isFinite(life)) return life;
  throw new RangeError(`a leaf life of ${life} ms is below the least of ${LEAST_LIFE} ms`);
}
