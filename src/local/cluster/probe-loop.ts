/**
 * Runs one probe of one running container on its schedule.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Probe } from "../../core/model/probe.ts";
import type { Clock } from "../../engine/clock.ts";
import type { ProbeResult } from "../runtime/ports.ts";
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
  const loop = new ProbeLoop(options);
  return () => loop.stop();
}

class ProbeLoop {
  readonly #options: ProbeLoopOptions;
  #state: ProbeState;
  #eager: Millis = EAGER;
  #stopped = false;
  #cancel: () => void;

  constructor(options: ProbeLoopOptions) {
    this.#options = options;
    this.#state = initialProbeState(options.role);
    this.#cancel = this.#lookIn(options.probe.initialDelaySeconds * 1000);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #lookIn(delay: Millis): () => void {
    // Cannot reject: a probe that could not be performed is a failed one.
    return this.#options.clock.after(delay, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { clock, probe, perform, onVerdict } = this.#options;
    const startedAt = clock.now();
    const result = await perform(probe.timeoutSeconds * 1000);
    if (this.#stopped) return;
    const before = this.#state.verdict;
    this.#state = stepProbe(this.#state, result.ok, probe);
    if (result.ok) this.#eager = Number.POSITIVE_INFINITY;
    if (this.#state.verdict !== before) onVerdict(this.#state.verdict, result.detail);
    if (this.#stopped || this.#isDone()) return;
    this.#cancel = this.#lookIn(Math.max(0, this.#pause() - (clock.now() - startedAt)));
  }

  // A startup probe has done its work with its first verdict; a failed liveness probe waits for a new container.
  #isDone(): boolean {
    const { verdict } = this.#state;
    const { role } = this.#options;
    return (role === "startup" && verdict !== "unknown") || (role === "liveness" && verdict === "failing");
  }

  #pause(): Millis {
    const period = this.#options.probe.periodSeconds * 1000;
    if (this.#options.role !== "readiness" || this.#eager >= period) return period;
    const wait = this.#eager;
    this.#eager *= 2;
    return wait;
  }
}
