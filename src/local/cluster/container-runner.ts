/**
 * Keeps one container of a pod running: starts it, probes it, restarts it with back-off, stops it.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Probe } from "../../core/model/probe.ts";
import type { Clock } from "../../engine/clock.ts";
import type { ProbeResult, ProcessExit, RunningProcess } from "../runtime/ports.ts";
import { backOff, type CrashCount, countCrash } from "./back-off.ts";
import { startProbe } from "./probe-loop.ts";
import type { ProbeRole } from "./probe-state.ts";

export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly message: string }
  | { readonly kind: "running"; readonly since: Millis }
  | { readonly kind: "terminated"; readonly code: number };

export interface ContainerView {
  readonly name: string;
  readonly state: ContainerState;
  readonly restarts: number;
  /** Runs, has started, and its readiness probe (if any) passes. */
  readonly ready: boolean;
  /** Why it last ended, or which probe fails; "" if nothing is to be said. */
  readonly message: string;
}

export interface ContainerRunnerOptions {
  readonly name: string;
  readonly restart: "Always" | "OnFailure" | "Never";
  /** Between SIGTERM and SIGKILL when a probe ends it. */
  readonly grace: Millis;
  readonly probes: Readonly<Partial<Record<ProbeRole, Probe>>>;
  readonly clock: Clock;
  run(): RunningProcess;
  /** Performs a probe once. Never rejects. */
  perform(probe: Probe, timeout: Millis): Promise<ProbeResult>;
  onChange(): void;
}

const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export class ContainerRunner {
  readonly #options: ContainerRunnerOptions;
  #state: ContainerState = { kind: "waiting", reason: "PodInitializing", message: "" };
  #process: RunningProcess | undefined;
  #crashes: CrashCount = 0;
  #restarts = 0;
  #started = false;
  #ready = false;
  #message = "";
  #stopping = false;
  #stopProbes: (() => void)[] = [];
  #cancelRestart: () => void = () => undefined;
  #markStarted: () => void = () => undefined;
  #markFinished: (ok: boolean) => void = () => undefined;
  /** Resolves once its startup probe passed for the first time, or it ran without one. */
  readonly started: Promise<void>;
  /** Resolves once it ended for good; true for exit code 0. */
  readonly finished: Promise<boolean>;

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
    this.started = new Promise((resolve) => {
      this.#markStarted = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#markFinished = resolve;
    });
  }

  view(): ContainerView {
    return {
      name: this.#options.name,
      state: this.#state,
      restarts: this.#restarts,
      ready: this.#state.kind === "running" && this.#started && this.#ready,
      message: this.#message,
    };
  }

  start(): void {
    if (this.#stopping) return;
    const { clock, probes } = this.#options;
    const process = this.#options.run();
    const since = clock.now();
    this.#process = process;
    this.#state = { kind: "running", since };
    this.#started = false;
    this.#ready = probes.readiness === undefined;
    // Cannot reject: `exited` never does.
    void process.exited.then((exit) => this.#ended(exit, clock.now() - since));
    if (probes.startup === undefined) this.#hasStarted();
    else this.#probe("startup", probes.startup);
    this.#options.onChange();
  }

  /** Ends it for good; resolves once it is gone. */
  async stop(grace: Millis): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart();
    this.#endProbes();
    if (this.#state.kind === "running" && this.#process !== undefined) {
      await this.#process.stop(grace);
      await this.finished;
    } else if (this.#state.kind === "waiting") {
      this.#state = { kind: "terminated", code: 0 };
      this.#markFinished(false);
    }
  }

  #hasStarted(): void {
    const { readiness, liveness } = this.#options.probes;
    this.#started = true;
    this.#markStarted();
    if (readiness !== undefined) this.#probe("readiness", readiness);
    if (liveness !== undefined) this.#probe("liveness", liveness);
  }

  #probe(role: ProbeRole, probe: Probe): void {
    const { clock } = this.#options;
    const stop = startProbe({
      role,
      probe,
      clock,
      perform: (timeout) => this.#options.perform(probe, timeout),
      onVerdict: (verdict, detail) => this.#judge(role, verdict === "passing", detail),
    });
    this.#stopProbes.push(stop);
  }

  #judge(role: ProbeRole, passing: boolean, detail: string): void {
    if (role === "readiness") {
      this.#ready = passing;
      this.#message = passing ? "" : `readiness probe: ${detail}`;
    } else if (passing) {
      if (role === "startup") this.#hasStarted();
    } else {
      this.#message = `${role} probe: ${detail}`;
      this.#endProbes();
      this.#ready = false;
      // Cannot reject; `#ended` follows and restarts it.
      void this.#process?.stop(this.#options.grace);
    }
    this.#options.onChange();
  }

  #ended(exit: ProcessExit, ran: Millis): void {
    const { restart, clock, onChange } = this.#options;
    const code = exit.code ?? 128 + (NUMBERS[exit.signal ?? ""] ?? 0);
    const why = exit.signal === null ? `exit code ${code}` : `ended by ${exit.signal}`;
    const byProbe = this.#stopProbes.length === 0 && this.#message.includes(" probe: ") && !this.#stopping;
    this.#message = byProbe ? `${this.#message}, ${why}` : why;
    this.#endProbes();
    this.#ready = false;
    if (this.#stopping || restart === "Never" || (restart === "OnFailure" && code === 0)) {
      this.#state = { kind: "terminated", code };
      this.#markFinished(code === 0);
      onChange();
      return;
    }
    this.#crashes = countCrash(this.#crashes, ran);
    const pause = backOff(this.#crashes);
    this.#state = {
      kind: "waiting",
      reason: "CrashLoopBackOff",
      message: `${this.#message}; restarts in ${pause / 1000} s`,
    };
    this.#cancelRestart = clock.after(pause, () => {
      this.#restarts++;
      this.start();
    });
    onChange();
  }

  #endProbes(): void {
    for (const stop of this.#stopProbes) stop();
    this.#stopProbes = [];
  }
}
