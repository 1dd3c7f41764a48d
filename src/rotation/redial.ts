/**
 * Which proxies are to dial the control plane again, so that it sees the credential that their files hold by now.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { ProxyStanding } from "./gate.ts";

/** After the step began: files take a moment on one machine, and up to a minute in a cluster. */
const FIRST_WAIT: Millis = 1000;
/** Between two times for one proxy. */
const AGAIN: Millis = 5000;
const MOST_AGAIN: Millis = 30_000;
/** At one look, so that a large mesh does not dial all at once. */
const AT_A_TIME = 20;

export interface Redialer {
  /** UUIDs of those that are to dial again now. */
  pick(question: RedialQuestion): readonly string[];
}

export interface RedialQuestion {
  readonly step: number;
  readonly since: Millis;
  readonly now: Millis;
  /** Id of the root that credentials are to lead to. */
  readonly wanted: string;
  readonly standings: readonly ProxyStanding[];
}

/** Remembers whom it asked, and asks each less and less often. */
export function createRedialer(): Redialer {
  let known = { step: -1, asked: new Map<string, { at: Millis; times: number }>() };
  return {
    pick({ step, since, now, wanted, standings }) {
      if (known.step !== step) known = { step, asked: new Map() };
      if (now - since < FIRST_WAIT) return [];
      const { asked } = known;
      const due = standings.filter(({ uuid, connected, credential }) => {
        if (!connected || credential === wanted) return false;
        const { at, times } = asked.get(uuid) ?? { at: 0, times: 0 };
        return now - at >= (times === 0 ? 0 : Math.min(MOST_AGAIN, AGAIN * times));
      });
      const chosen = due.slice(0, AT_A_TIME).map(({ uuid }) => uuid);
      for (const uuid of chosen) asked.set(uuid, { at: now, times: (asked.get(uuid)?.times ?? 0) + 1 });
      return chosen;
    },
  };
}
