/**
 * Runs one probe of one running container on its schedule.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Probe } from "../../core/model/probe.ts";
import type { ProbeResult } from "../runtime/ports.ts";
import type { Clock } from "./ports.ts";
import { initialProbeState, type ProbeRole, type ProbeState, stepProbe } from "./probe-state.ts";

/** A pod that just started is asked for readiness sooner than its period says, so that nobody waits for nothing. */
const EAGER: Millis = 250;

export interface ProbeLoopOptions {
  readonly role: ProbeRole;
  readonly probe: Probe;
  readonly clock: Clock;
  /** Performs the probe once. Never rejects. */
  perform(timeout: Millis): Promise<ProbeResult>;
  /** Told of each verdict that differs from the one before, with the detail of the result that tipped it. */
  onVerdict(verdict: ProbeState["verdict"], detail: string): void;
}

/** Starts probing; returns the stop. No verdict is told after the stop. */
export function startProbe(options: ProbeLoopOptions): () => void {
  const { role, probe, clock } = options;
  let state = initialProbeState(role);
  let eager: Millis = EAGER;
  let stopped = false;
  let cancel = clock.after(probe.initialDelaySeconds * 1000, look);

  function look(): void {
    const startedAt = clock.now();
    // Cannot reject: a probe that could not be performed is a failed one.
    void options.perform(probe.timeoutSeconds * 1000).then((result) => {
      if (stopped) return;
      const before = state.verdict;
      state = stepProbe(state, result.ok, probe);
      if (result.ok) eager = Number.POSITIVE_INFINITY;
      if (state.verdict !== before) options.onVerdict(state.verdict, result.detail);
      // A startup probe has done its work with its first verdict; a failed liveness probe waits for a new container.
      if (stopped || (role === "startup" && state.verdict !== "unknown")) return;
      if (role === "liveness" && state.verdict === "failing") return;
      cancel = clock.after(Math.max(0, nextIn() - (clock.now() - startedAt)), look);
    });
  }

  function nextIn(): Millis {
    const period = probe.periodSeconds * 1000;
    if (role !== "readiness" || eager >= period) return period;
    const wait = eager;
    eager *= 2;
    return wait;
  }

  return () => {
    stopped = true;
    cancel();
  };
}
