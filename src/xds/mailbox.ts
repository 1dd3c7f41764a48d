/**
 * What waits for one stream: requests in order and bounded, of the published resources only the newest.
 *
 * A stream that is slow to read therefore holds one value, however often the engine publishes, and a client that sends
 * faster than it is answered is slowed down by HTTP/2 instead of filling memory.
 *
 * @module
 */
import type { ProxyResources } from "./resource.ts";

/** What a `step` function is given. */
export type Mail<Request> =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "resources"; readonly resources: ProxyResources }
  /** A response was not acknowledged in time. Stop holding others back for it. */
  | { readonly kind: "overdue" };

/** Requests that may wait; Envoy has at most a few for each type. */
const CAPACITY = 32;

export class Mailbox<Request> {
  readonly #requests: Request[] = [];
  #resources: ProxyResources | undefined;
  #overdue = false;
  #end: { readonly error: Error | undefined } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Resolves once there is room for the next request, or the mailbox has been closed. */
  async put(request: Request): Promise<void> {
    if (this.#end !== undefined) return;
    this.#requests.push(request);
    this.#wake();
    if (this.#requests.length < CAPACITY) return;
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  publish(resources: ProxyResources): void {
    this.#resources = resources;
    this.#wake();
  }

  remindOverdue(): void {
    this.#overdue = true;
    this.#wake();
  }

  /** The first call counts. What waits is dropped; `next` then throws `error`, or returns undefined without one. */
  close(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#requests.length = 0;
    this.#resources = undefined;
    this.#wake();
    this.#wakeWriter?.();
  }

  /** One reader only. */
  async next(): Promise<Mail<Request> | undefined> {
    for (;;) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      const mail = this.#take();
      if (mail !== undefined) return mail;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  // Resources first: they cannot crowd out requests, since there is at most one, but requests could crowd out them.
  #take(): Mail<Request> | undefined {
    if (this.#resources !== undefined) {
      const resources = this.#resources;
      this.#resources = undefined;
      return { kind: "resources", resources };
    }
    const request = this.#requests.shift();
    if (request !== undefined) {
      this.#wakeWriter?.();
      this.#wakeWriter = undefined;
      return { kind: "request", request };
    }
    if (!this.#overdue) return undefined;
    this.#overdue = false;
    return { kind: "overdue" };
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }
}
