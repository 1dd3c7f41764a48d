/**
 * Looks at the running demo at regular times, shows it, and turns the switches.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { SWITCH_MANIFESTS } from "./manifests.ts";
import type { LocalMesh, PodStatus } from "./ports.ts";
import { pauseFor } from "./rounds.ts";
import { podKey, type Sample, takeSample } from "./sample.ts";
import type { Screen } from "./screen.ts";
import { describeSwitches, INITIAL_SWITCHES, type SwitchKey, turn } from "./switches.ts";
import { buildView } from "./view.ts";

/** The demo as it stands for a spectator: where the switches are, what was seen last. */
export class Watch {
  readonly #mesh: LocalMesh;
  readonly #started: Millis;
  #switches = INITIAL_SWITCHES;
  #base: Sample;
  #previous: Sample;
  #renewals = new Map<string, { readonly notBefore: Millis; readonly count: number }>();
  #turning: Promise<void> = Promise.resolve();
  message = "";

  constructor(mesh: LocalMesh, first: Sample) {
    this.#mesh = mesh;
    this.#started = first.at;
    this.#base = first;
    this.#previous = first;
    this.#countRenewals(first.pods);
  }

  /** Shows the demo on `screen` until `signal` aborts. A look that fails is told, and the next one tried. */
  async run(screen: Screen, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pauseFor(screen.interval, signal);
      if (signal.aborted) break;
      try {
        await this.#look(screen);
      } catch (error) {
        this.message = `the mesh did not answer: ${textOf(error)}`;
      }
    }
    await this.#turning;
  }

  /** Turns one switch; turns queue up. Never rejects: a failure becomes the message, and the switch stays. */
  turn(key: SwitchKey): Promise<void> {
    this.#turning = this.#turning.then(() => this.#turnNow(key));
    return this.#turning;
  }

  async #turnNow(key: SwitchKey): Promise<void> {
    const { next, file } = turn(this.#switches, key);
    try {
      await this.#mesh.apply(SWITCH_MANIFESTS[file]);
      this.#switches = next;
      this.#base = await takeSample(this.#mesh, Date.now());
      this.message = `applied ${file}: ${describeSwitches(next)}`;
    } catch (error) {
      this.message = `${file} was not applied: ${textOf(error)}`;
    }
  }

  async #look(screen: Screen): Promise<void> {
    const current = await takeSample(this.#mesh, Date.now());
    this.#countRenewals(current.pods);
    const view = buildView({
      started: this.#started,
      switches: this.#switches,
      base: screen.since === "turn" ? this.#base : this.#previous,
      previous: this.#previous,
      current,
      renewals: new Map([...this.#renewals].map(([pod, { count }]) => [pod, count])),
    });
    this.#previous = current;
    screen.show(view, this.message);
  }

  #countRenewals(pods: readonly PodStatus[]): void {
    for (const pod of pods) {
      const notBefore = pod.proxy?.certificate?.notBefore;
      if (notBefore === undefined) continue;
      const known = this.#renewals.get(podKey(pod));
      if (known?.notBefore === notBefore) continue;
      this.#renewals.set(podKey(pod), { notBefore, count: known === undefined ? 0 : known.count + 1 });
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
