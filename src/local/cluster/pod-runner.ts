/**
 * One pod from its creation to its end, in the order of native sidecars: sandbox, Envoy, init containers, containers;
 * and the reverse when it goes.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { Container, PodSpec } from "../../core/model/pod-spec.ts";
import type { Clock } from "../../engine/clock.ts";
import type { Machine, PodSandbox } from "../runtime/ports.ts";
import { backOff } from "./back-off.ts";
import type { ContainerRunner, ContainerView } from "./container-runner.ts";
import type { PodFacts } from "./environment.ts";
import {
  buildContainer,
  buildSidecar,
  type PodContainer,
  SIDECAR_GRACE,
  type SidecarPlan,
  volumeWarnings,
} from "./pod-containers.ts";

export interface PodRunnerOptions {
  readonly facts: PodFacts;
  readonly spec: PodSpec;
  readonly hostname: string;
  readonly machine: Machine;
  readonly clock: Clock;
  /** Absent outside the mesh. `prepare` is called again after a failure; `ready` resolves once Envoy has its configuration. */
  readonly sidecar?: {
    prepare(): Promise<SidecarPlan>;
    /** Calls `write` with the files that are to be others by now, if there are any. */
    renew(write: (files: Readonly<Record<string, string>>) => Promise<void>): Promise<void>;
    ready(): Promise<void>;
  };
  onChange(): void;
}

export interface PodRunView {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Why it does not go on; "" while it does. */
  readonly message: string;
  readonly warnings: readonly string[];
  readonly initContainers: readonly ContainerView[];
  readonly containers: readonly ContainerView[];
  readonly sidecar?: ContainerView;
  /** Inside the machine's process namespace; absent before the sandbox is there and after it is gone. */
  readonly sandboxPid?: number;
  readonly endedAt: Millis;
}

type Phase = PodRunView["phase"];

/** Thrown inside `#run` when the pod is told to go while it starts. */
class Stopped extends Error {}

export class PodRunner {
  readonly #options: PodRunnerOptions;
  readonly #warnings: string[] = [];
  readonly #containers: ContainerRunner[] = [];
  readonly #inits: ContainerRunner[] = [];
  readonly #native: ContainerRunner[] = [];
  #envoy: ContainerRunner | undefined;
  #sandbox: PodSandbox | undefined;
  #phase: Phase = "Pending";
  #message = "";
  #terminating = false;
  #endedAt: Millis = 0;
  #stop: () => void = () => undefined;
  readonly #stopped: Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #gone: Promise<void> | undefined;

  constructor(options: PodRunnerOptions) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
    this.#warnings.push(...volumeWarnings(options.spec));
  }

  start(): void {
    this.#running = this.#run().catch((cause: unknown) => {
      if (!(cause instanceof Stopped)) this.#say(cause instanceof Error ? cause.message : String(cause));
    });
  }

  view(): PodRunView {
    const containers = this.#containers.map((one) => one.view());
    const beside = [...this.#native, ...(this.#envoy === undefined ? [] : [this.#envoy])].map((one) => one.view());
    const complete = containers.length === this.#options.spec.containers.length;
    return {
      phase: this.#phase,
      ready: this.#phase === "Running" && complete && [...containers, ...beside].every(({ ready }) => ready),
      terminating: this.#terminating,
      message: this.#message,
      warnings: this.#warnings,
      initContainers: this.#inits.map((one) => one.view()),
      containers,
      ...(this.#envoy === undefined ? {} : { sidecar: this.#envoy.view() }),
      ...(this.#sandbox === undefined ? {} : { sandboxPid: this.#sandbox.pid }),
      endedAt: this.#endedAt,
    };
  }

  /** Gives a running sidecar the credential that is in force. Never rejects: what fails is tried again next time. */
  async renewCredential(): Promise<void> {
    const sandbox = this.#sandbox;
    if (sandbox === undefined || this.#terminating) return;
    await this.#options.sidecar?.renew((files) => sandbox.replaceFiles(files)).catch(() => undefined);
  }

  /**
   * Ends the pod and resolves once nothing of it is left.
   *
   * @param drain - Time between "not an endpoint any more" and SIGTERM, in which callers learn of it.
   * @param grace - Between SIGTERM and SIGKILL of each container.
   */
  terminate(drain: Millis, grace: Millis): Promise<void> {
    this.#gone ??= this.#end(drain, grace);
    return this.#gone;
  }

  async #end(drain: Millis, grace: Millis): Promise<void> {
    const wasReady = this.view().ready;
    this.#terminating = true;
    this.#options.onChange();
    if (wasReady) await this.#wait(drain);
    this.#stop();
    await this.#running;
    await this.#endContainers(grace);
    await this.#freeSandbox();
    this.#options.onChange();
  }

  // Applications first, then what they may still need to say good-bye: sidecars, Envoy last.
  async #endContainers(grace: Millis): Promise<void> {
    await Promise.all(
      [...this.#inits, ...this.#containers].filter((one) => !this.#native.includes(one)).map((one) => one.stop(grace)),
    );
    for (const one of this.#native.toReversed()) await one.stop(grace);
    await this.#envoy?.stop(SIDECAR_GRACE);
  }

  async #freeSandbox(): Promise<void> {
    const sandbox = this.#sandbox;
    this.#sandbox = undefined;
    await sandbox?.destroy(SIDECAR_GRACE);
  }

  async #run(): Promise<void> {
    const sandbox = await this.#prepare();
    if (this.#envoy !== undefined) {
      this.#envoy.start();
      this.#say("waits for Envoy to get its configuration");
      await this.#unlessStopped(this.#options.sidecar?.ready() ?? Promise.resolve());
      this.#say("");
    }
    if (!(await this.#runInits(sandbox))) {
      this.#say(`init container ended with an error: ${this.#inits.at(-1)?.view().message ?? ""}`);
      return this.#complete("Failed");
    }
    const apps = this.#options.spec.containers.map((container) => this.#runnerOf(container, sandbox));
    this.#containers.push(...apps.map(({ runner }) => runner));
    this.#phase = "Running";
    for (const { runner, runs } of apps) if (runs) runner.start();
    this.#options.onChange();
    const ends = await this.#unlessStopped(Promise.all(apps.map(({ runner }) => runner.finished)));
    await this.#complete(ends.every((ok) => ok) ? "Succeeded" : "Failed");
  }

  async #complete(phase: Phase): Promise<void> {
    this.#phase = phase;
    this.#endedAt = this.#options.clock.now();
    await this.#endContainers(SIDECAR_GRACE);
    await this.#freeSandbox();
    this.#options.onChange();
  }

  /** Tries until it works: what is in the way may go away, as an image that can be pulled later. */
  async #prepare(): Promise<PodSandbox> {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#createSandbox();
      } catch (cause) {
        this.#say(`cannot be set up: ${cause instanceof Error ? cause.message : String(cause)}`);
        await this.#unlessStopped(this.#wait(backOff(failures + 1)));
      }
    }
  }

  async #createSandbox(): Promise<PodSandbox> {
    const { facts, hostname, machine, sidecar } = this.#options;
    const plan = await sidecar?.prepare();
    const sandbox = await machine.createPod({
      namespace: facts.namespace,
      name: facts.name,
      uid: facts.uid,
      ip: facts.ip,
      hostname,
      ...(plan === undefined ? {} : { files: plan.files, redirection: plan.redirection }),
    });
    this.#sandbox = sandbox;
    if (plan !== undefined) {
      const { clock, onChange } = this.#options;
      this.#envoy = buildSidecar({ plan, sandbox, clock, facts, onChange });
    }
    this.#say("");
    return sandbox;
  }

  /** In order, each to its end; one that restarts always is a sidecar and only has to start. */
  async #runInits(sandbox: PodSandbox): Promise<boolean> {
    for (const container of this.#options.spec.initContainers) {
      const { runner, runs } = this.#runnerOf(container, sandbox);
      this.#inits.push(runner);
      if (runs) runner.start();
      if (container.restartPolicy === "Always") {
        this.#native.push(runner);
        await this.#unlessStopped(runner.started);
      } else if (!(await this.#unlessStopped(runner.finished))) return false;
    }
    return true;
  }

  #runnerOf(container: Container, sandbox: PodSandbox): PodContainer {
    const { clock, facts, onChange, spec } = this.#options;
    const made = buildContainer({ container, sandbox, clock, facts, onChange, spec });
    this.#warnings.push(...made.warnings);
    if (!made.runs) {
      this.#say(
        `container ${container.name}: image ${container.image} has no program here: osm local runs commands, not images`,
      );
    }
    return made;
  }

  #say(message: string): void {
    if (this.#message === message) return;
    this.#message = message;
    this.#options.onChange();
  }

  #wait(delay: Millis): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delay, resolve);
    });
  }

  async #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const stopped = this.#stopped.then(() => {
      throw new Stopped();
    });
    return Promise.race([work, stopped]);
  }
}
