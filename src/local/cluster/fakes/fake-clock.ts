/**
 * A clock for tests, whose hands are turned by hand.
 *
 * @module
 */
import type { Millis } from "../../../core/base/millis.ts";
import type { Clock } from "../../../engine/clock.ts";

interface Appointment {
  readonly at: Millis;
  readonly then: () => void;
}

export class FakeClock implements Clock {
  #now: Millis = 0;
  readonly #due = new Set<Appointment>();

  now(): Millis {
    return this.#now;
  }

  after(delay: Millis, then: () => void): () => void {
    const one = { at: this.#now + delay, then };
    this.#due.add(one);
    return () => this.#due.delete(one);
  }

  /** Lets time pass, appointment by appointment, with promises settled between them. */
  async advance(span: Millis): Promise<void> {
    const end = this.#now + span;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = next.at;
      this.#due.delete(next);
      next.then();
      await settle();
    }
    this.#now = end;
  }

  #next(end: Millis): Appointment | undefined {
    return [...this.#due].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Lets promises that wait for nothing but each other come to their end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}
