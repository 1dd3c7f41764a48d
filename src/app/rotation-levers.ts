/**
 * The rotation as the API shows and moves it.
 *
 * @module
 */
import type { LeverResult, RootState, RotationLevers, RotationState } from "../http/api/rotation.ts";
import { type RootRef, type RotationRecord, RotationRefused } from "../rotation/record.ts";
import { RecordConflict } from "../rotation/rotator.ts";
import type { Rotation } from "./rotation.ts";

/** @param notFrom - Why no rotation may be started from here; undefined if it may. */
export function rotationLevers(
  { rotator, progress }: Rotation,
  notFrom: () => string | undefined = () => undefined,
): RotationLevers {
  const state = (): RotationState => {
    const { record, proxies, passed, laggards } = progress();
    const { phase, step, since } = record;
    const common = { phase, step, since, proxies, passed, laggards };
    if (record.phase === "steady") return { ...common, from: rootState(record.root) };
    return { ...common, from: rootState(record.from), to: rootState(record.to), until: record.until };
  };

  async function pull(work: Promise<RotationRecord>): Promise<LeverResult> {
    try {
      await work;
      return { ok: true, state: state() };
    } catch (error) {
      if (!(error instanceof RotationRefused || error instanceof RecordConflict)) throw error;
      return { ok: false, reason: error.message };
    }
  }

  return {
    state,
    async start(options) {
      const reason = notFrom();
      return reason === undefined ? pull(rotator.start(options)) : { ok: false, reason };
    },
    rollBack: () => pull(rotator.rollBack()),
    finish: () => pull(rotator.finish()),
  };
}

function rootState({ name, source, trustDomain }: RootRef): RootState {
  return { name, provider: source.kind, trustDomain };
}
