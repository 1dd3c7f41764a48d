/**
 * The deadline for a client's answers.
 *
 * @module
 */

/** Reminds once something has been waited for too long; progress in between does not start it anew. */
export class Patience {
  readonly #millis: number;
  readonly #remind: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(millis: number, remind: () => void) {
    this.#millis = millis;
    this.#remind = remind;
  }

  wait(waiting: boolean): void {
    if (!waiting) this.#clear();
    if (!waiting || this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#remind();
    }, this.#millis);
  }

  stop(): void {
    this.#stopped = true;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
