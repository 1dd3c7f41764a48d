/**
 * What the results of a probe amount to: kubelet's thresholds as a state machine.
 *
 * @module
 */
import type { Probe } from "../../core/model/probe.ts";

export interface ProbeState {
  /** The verdict in force. `unknown` only before a startup probe's first verdict. */
  readonly verdict: "passing" | "failing" | "unknown";
  /** The latest result and how often it came in a row. */
  readonly last: boolean | undefined;
  readonly run: number;
}

export type ProbeRole = "startup" | "readiness" | "liveness";

/** Before any result a container is alive, not ready, and not known to have started. */
export function initialProbeState(role: ProbeRole): ProbeState {
  const verdict = role === "liveness" ? "passing" : role === "readiness" ? "failing" : "unknown";
  return { verdict, last: undefined, run: 0 };
}

/** Takes in one result. The verdict changes once enough equal results came in a row. */
export function stepProbe(
  state: ProbeState,
  ok: boolean,
  { successThreshold, failureThreshold }: Pick<Probe, "successThreshold" | "failureThreshold">,
): ProbeState {
  const run = state.last === ok ? state.run + 1 : 1;
  const enough = run >= (ok ? successThreshold : failureThreshold);
  return { verdict: enough ? (ok ? "passing" : "failing") : state.verdict, last: ok, run };
}
