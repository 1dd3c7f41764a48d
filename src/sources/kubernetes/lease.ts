/**
 * Leader election: of several replicas one does the work that must be done once.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { KubernetesClient } from "./client.ts";
import { type Hold, LeaseLock, type LeaseName } from "./lease-lock.ts";
import { sleep } from "./sleep.ts";

/** `retry` < `deadline` < `duration`: a leader that cannot renew stops before another may start. */
export interface LeaseTimes {
  /** That a leader which vanished keeps others waiting; whole seconds. */
  readonly duration: Millis;
  /** After its last renewal a leader stops leading. */
  readonly deadline: Millis;
  /** Between renewals, and between looks of those who wait. */
  readonly retry: Millis;
}

const LEASE_TIMES: LeaseTimes = { duration: 15_000, deadline: 10_000, retry: 5_000 };

export interface LeaderOptions {
  readonly client: KubernetesClient;
  readonly lease: LeaseName;
  /** Ours alone: a pod's name, and something that its next life does not share. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  /** Told of every change. `holder` is "" while nobody is known to lead. */
  onHolder?(holder: string): void;
  /** What went wrong with the lease, or with the work; both are tried again. */
  onError?(cause: unknown): void;
}

/** Ends when its signal is aborted. What it does before is its own affair; if it rejects, leadership is given up. */
export type LeaderWork = (signal: AbortSignal) => Promise<void>;

/**
 * Campaigns for the lease until `signal` is aborted, and runs `work` while it is held.
 *
 * The signal of `work` is aborted as soon as the lease may be another's, and the next campaign waits for `work` to end.
 * Work that resolves is done: the lease is kept, so that nobody does it again. On stop the lease is released.
 * Never rejects.
 */
export async function runWhileLeader(options: LeaderOptions, signal: AbortSignal, work: LeaderWork): Promise<void> {
  const { client, lease, identity, times = LEASE_TIMES } = options;
  const now = () => performance.now();
  const lock = new LeaseLock({ client, lease, identity, duration: times.duration, now, wallClock: () => Date.now() });
  const campaign: Campaign = { options, times, lock, tellHolder: onceEach(options.onHolder) };
  while (!signal.aborted) {
    const began = performance.now();
    const hold = await tryHold(campaign, signal, times.retry);
    if (hold?.held === true) await lead(campaign, { signal, work, began });
    else await sleep(waitOf(hold, times), signal);
  }
}

interface Campaign {
  readonly options: LeaderOptions;
  readonly times: LeaseTimes;
  readonly lock: LeaseLock;
  tellHolder(holder: string): void;
}

/** @returns undefined if the server did not answer well. */
async function tryHold(campaign: Campaign, signal: AbortSignal, timeout: Millis): Promise<Hold | undefined> {
  try {
    const hold = await campaign.lock.hold(signal, timeout);
    campaign.tellHolder(hold.held ? campaign.options.identity : hold.holder);
    return hold;
  } catch (cause) {
    if (!signal.aborted) campaign.options.onError?.(cause);
    return undefined;
  }
}

/** Contenders do not come all at once; one that sees the lease run out soon comes then. */
function waitOf(hold: Hold | undefined, { retry }: LeaseTimes): Millis {
  const jitter = 0.75 + Math.random() / 2;
  const soon = hold?.held === false && hold.holder !== "" ? hold.delay : retry;
  return Math.min(retry, soon) * jitter;
}

interface Term {
  readonly signal: AbortSignal;
  readonly work: LeaderWork;
  /** When the lease was asked for; the promise to others counts from after that. */
  readonly began: Millis;
}

async function lead(campaign: Campaign, { signal, work, began }: Term): Promise<void> {
  const term = new AbortController();
  const end = () => term.abort(new Error("leadership ended"));
  signal.addEventListener("abort", end, { once: true });
  const broken = new AbortController();
  // Never rejects: what went wrong is told, and ends the term.
  const done = settled(work, term.signal).then((cause) => {
    if (cause === undefined || term.signal.aborted) return;
    campaign.options.onError?.(cause.reason);
    broken.abort();
  });
  await keepRenewing(campaign, AbortSignal.any([signal, broken.signal]), began);
  end();
  await done;
  signal.removeEventListener("abort", end);
  await release(campaign);
  if (broken.signal.aborted) await sleep(campaign.times.retry, signal);
}

async function settled(work: LeaderWork, signal: AbortSignal): Promise<{ readonly reason: unknown } | undefined> {
  try {
    await work(signal);
    return undefined;
  } catch (reason) {
    return { reason };
  }
}

/** Returns once the term ends: stopped, taken by another, or not renewed in time. */
async function keepRenewing(campaign: Campaign, signal: AbortSignal, began: Millis): Promise<void> {
  const { deadline, retry } = campaign.times;
  let renewedAt = began;
  const left = () => renewedAt + deadline - performance.now();
  while (!signal.aborted) {
    // A little early, never late.
    await sleep(Math.min(retry * (0.9 + Math.random() / 10), left()), signal);
    if (signal.aborted || left() <= 0) return;
    const asked = performance.now();
    const hold = await tryHold(campaign, signal, Math.min(retry, left()));
    if (hold?.held === true) renewedAt = asked;
    else if (hold !== undefined) return;
    else await sleep(Math.min(retry / 5, left()), signal);
  }
}

async function release({ lock, times, tellHolder, options }: Campaign): Promise<void> {
  try {
    await lock.release(new AbortController().signal, times.retry);
  } catch (cause) {
    options.onError?.(cause);
  }
  tellHolder("");
}

function onceEach(tell: ((holder: string) => void) | undefined): (holder: string) => void {
  let last: string | undefined;
  return (holder) => {
    if (holder === last) return;
    last = holder;
    tell?.(holder);
  };
}
