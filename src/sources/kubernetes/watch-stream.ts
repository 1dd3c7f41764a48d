/**
 * One watch, from its request to the end of its connection.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { ApiRequest, KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { breathe } from "./sleep.ts";
import { parseWatchEvent, type WatchEvent } from "./watch-event.ts";

/** The head of the answer comes at once, whatever there is to tell. */
const HEAD_TIMEOUT: Millis = 15_000;
/** Events told before the others may run. */
const SLICE = 50;

export interface WatchStream {
  readonly client: KubernetesClient;
  readonly path: string;
  readonly query: NonNullable<ApiRequest["query"]>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Without a line for so long the connection counts as dead. */
  readonly silence: Millis;
  onOpen(): void;
  /** Called in the order of the server. */
  onEvent(event: WatchEvent): void;
}

/**
 * `ended`: by the server, by us, or because the connection broke; all events up to there were told. `unreadable`: what
 * was missed is unknown.
 */
export type WatchEnd =
  | { readonly kind: "ended"; readonly events: number }
  | { readonly kind: "unreadable"; readonly cause: unknown };

/** @throws KubernetesError where the server refused the watch, or ended it with an error of its own. */
export async function followWatch(stream: WatchStream): Promise<WatchEnd> {
  const silence = new Silence(stream.silence);
  const ends = AbortSignal.any([stream.signal, silence.signal]);
  let events = 0;
  try {
    for await (const line of await open(stream, ends)) {
      silence.broken();
      const read = readLine(line, stream.path);
      if (!read.ok) return { kind: "unreadable", cause: read.cause };
      stream.onEvent(read.event);
      events += 1;
      if (events % SLICE === 0) await breathe();
      if (ends.aborted) break;
    }
  } catch (cause) {
    // Whether the server is away is for the next request to find out.
    if (cause instanceof KubernetesError && !ends.aborted) throw cause;
  } finally {
    silence.end();
  }
  return { kind: "ended", events };
}

async function open(
  { client, path, query, onOpen }: WatchStream,
  signal: AbortSignal,
): Promise<AsyncGenerator<string>> {
  const lines = await client.lines({ path, query, signal, timeout: HEAD_TIMEOUT });
  onOpen();
  return lines;
}

type Read = { readonly ok: true; readonly event: WatchEvent } | { readonly ok: false; readonly cause: unknown };

function readLine(line: string, path: string): Read {
  try {
    return { ok: true, event: parseWatchEvent(line, path) };
  } catch (cause) {
    if (cause instanceof KubernetesError) throw cause;
    return { ok: false, cause };
  }
}

/** Aborts `signal` once nothing was heard for a while. */
class Silence {
  readonly #controller = new AbortController();
  readonly #limit: Millis;
  #timer: ReturnType<typeof setTimeout>;

  constructor(limit: Millis) {
    this.#limit = limit;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#controller.abort(new Error(`silent for ${this.#limit} ms`)), this.#limit);
  }
}
