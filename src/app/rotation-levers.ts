/**
 * The rotation as the API shows and moves it.
 *
 * @module
 */

import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import { IssueRefused, RootRefused } from "../ca/refusal.ts";
import type { RootState, RotationState } from "../http/api/rotation.ts";
import type { LeverResult, RotationLevers, StartOptions } from "../http/api/rotation-levers.ts";
import { type RootRef, RotationRefused } from "../rotation/record.ts";
import { RecordConflict } from "../rotation/rotator.ts";
import type { Rotation } from "./rotation.ts";

/** What a lever does to roots: one way in a cluster, another on one machine. Each rejects if it changed nothing. */
export interface RootWays {
  start(options: StartOptions): Promise<unknown>;
  rollBack(): Promise<unknown>;
  /** @returns what was deleted. */
  forget(root: string): Promise<readonly string[]>;
}

/** What an operator is told in words; anything else is for the log. */
const REFUSALS = [RotationRefused, RecordConflict, RootRefused, IssueRefused, ProviderUnavailable];

export function rotationLevers({ rotator, progress }: Rotation, ways: RootWays): RotationLevers {
  let pulled = false;

  const state = (): RotationState => {
    const { record, proxies, passed, laggards } = progress();
    const { phase, step, since } = record;
    const common = { phase, step, since, proxies, passed, laggards };
    if (record.phase === "steady") return { ...common, from: rootState(record.root) };
    return { ...common, from: rootState(record.from), to: rootState(record.to), until: record.until };
  };

  /** One at a time: what a lever writes step by step, another would undo. */
  async function pull<T, R>(work: () => Promise<T>, answer: (done: T) => R): Promise<LeverResult<R>> {
    if (pulled) return { ok: false, reason: "another change of the root is being asked for: wait for its answer" };
    pulled = true;
    try {
      return { ok: true, state: answer(await work()) };
    } catch (error) {
      if (REFUSALS.some((Refusal) => error instanceof Refusal)) return { ok: false, reason: messageOf(error) };
      throw error;
    } finally {
      pulled = false;
    }
  }

  return {
    state,
    start: (options) => pull(() => ways.start(options), state),
    rollBack: () => pull(() => ways.rollBack(), state),
    finish: () => pull(() => rotator.finish(), state),
    forget: (root) =>
      pull(
        () => ways.forget(root),
        (deleted) => deleted,
      ),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function rootState({ name, source, trustDomain }: RootRef): RootState {
  return { name, provider: source.kind, trustDomain };
}
