/**
 * Keeps a sink told of one kind: lists, watches from there, and starts over where that cannot go on.
 *
 * list ─▶ watch ─▶ (stream ended) ─▶ watch ─▶ (410 Gone, or a line that cannot be read) ─▶ list
 * An error waits and tries again from where it was. Only the server's own word removes an object: an event, a listing
 * without it, or the end of its kind. An API server that is away removes nothing.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import { type BackOff, delayBefore } from "./back-off.ts";
import type { KubernetesClient } from "./client.ts";
import { servedVersion } from "./discovery.ts";
import { type KindStatus, StatusKeeper } from "./kind-status.ts";
import { hasStatus, KubernetesError } from "./kubernetes-error.ts";
import { listAll } from "./listing.ts";
import { apiVersionOf, collectionPath, type WatchedResource } from "./resource.ts";
import { breathe, sleep } from "./sleep.ts";
import { createToldObjects, type Header, type ToldObjects } from "./told-objects.ts";
import type { WatchEvent } from "./watch-event.ts";
import { followWatch } from "./watch-stream.ts";

/** Times of a list-watch; tests shorten them. */
export interface WatchTimes {
  /** After which the server ends a watch, plus up to as much again. */
  readonly watch: Millis;
  /** Without even a bookmark, which the server sends about every minute: the connection is dead. */
  readonly silence: Millis;
  /** Between two looks for a kind that the cluster does not have. */
  readonly absent: Millis;
  /** A stream that ends sooner than this without an event counts as one that went wrong. */
  readonly shortWatch: Millis;
  readonly backOff: BackOff;
}

export const WATCH_TIMES: WatchTimes = {
  watch: 240_000,
  silence: 100_000,
  absent: 10_000,
  shortWatch: 1_000,
  backOff: { first: 500, cap: 10_000 },
};

export interface ListWatchOptions {
  readonly client: KubernetesClient;
  readonly resource: WatchedResource;
  readonly sink: Pick<ObjectSink, "apply" | "remove">;
  readonly times: WatchTimes;
  now(): Millis;
  /** In [0, 1). */
  random(): number;
  /** Asked for each object of a `membersOnly` resource. */
  isMember(namespace: string): boolean;
  onStatus(): void;
}

/** Objects told before the others may run. */
const SLICE = 50;
/** Looks that must find a kind absent before its objects go: deleting a CRD tells of each object's end anyway. */
const LOOKS_BEFORE_REMOVAL = 3;

export class ListWatch {
  readonly #options: ListWatchOptions;
  readonly #told: ToldObjects;
  readonly #status: StatusKeeper;
  readonly #synced = Promise.withResolvers<void>();
  /** Namespaces that joined the mesh and whose objects were not told yet. */
  readonly #joining = new Set<string>();
  #version: string;
  /** To watch from; undefined: list first. */
  #cursor: string | undefined;
  #failures = 0;
  #absences = 0;
  /** Ends the present watch, so that the loop looks at what there is to do. */
  #interrupt = new AbortController();

  constructor(options: ListWatchOptions) {
    const { resource, sink } = options;
    this.#options = options;
    this.#version = resource.versions[0] ?? "";
    this.#status = new StatusKeeper({ kind: resource.kind, now: options.now, onChange: options.onStatus });
    this.#told = createToldObjects({
      kind: resource.kind,
      sink,
      accepts: (namespace) => !this.membersOnly || options.isMember(namespace),
      onSinkFailure: (ref, cause) => this.#status.enter(this.#status.state, `${ref.namespace}/${ref.name}: ${cause}`),
    });
  }

  /** Resolves once all objects were told, or the kind is known to be absent. Never rejects. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get membersOnly(): boolean {
    return this.#options.resource.membersOnly === true;
  }

  /** It is told of namespaces of gateways, too. */
  get ofSources(): boolean {
    return this.#options.resource.ofSources === true;
  }

  status(): KindStatus {
    return this.#status.read(this.#told.size);
  }

  /** Tells the objects of a namespace that became a member. */
  include(namespace: string): void {
    this.#joining.add(namespace);
    this.#interrupt.abort();
  }

  /** Removes the objects of a namespace that is a member no longer. */
  exclude(namespace: string): void {
    this.#joining.delete(namespace);
    this.#told.retain((object) => object.namespace !== namespace);
  }

  /** Runs until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#advance(signal);
      } catch (cause) {
        if (signal.aborted) return;
        await sleep(await this.#afterFailure(cause, signal), signal);
      }
    }
  }

  async #advance(signal: AbortSignal): Promise<void> {
    if (this.#cursor === undefined) await this.#list(signal);
    else if (this.#joining.size > 0) await this.#listJoining(signal);
    else await this.#watch(this.#cursor, signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    if (this.#status.state !== "away" && this.#status.state !== "absent") this.#status.enter("listing");
    const joining = [...this.#joining];
    const seen = new Set<string>();
    this.#cursor = await this.#listInto(seen, this.#path(), signal);
    this.#told.retain(({ key }) => seen.has(key));
    for (const namespace of joining) this.#joining.delete(namespace);
    this.#absences = 0;
    this.#status.enter("watching");
    this.#synced.resolve();
  }

  // The watch stands still meanwhile and goes on from its cursor: what changes in between is told by it.
  async #listJoining(signal: AbortSignal): Promise<void> {
    for (const namespace of [...this.#joining]) {
      await this.#listInto(new Set(), this.#path(namespace), signal);
      this.#joining.delete(namespace);
    }
  }

  #listInto(seen: Set<string>, path: string, signal: AbortSignal): Promise<string> {
    const { client, resource } = this.#options;
    const { labelSelector, fieldSelector } = resource;
    const onPage = (items: readonly unknown[]) => this.#tell(items, seen, signal);
    return listAll({ client, path, labelSelector, fieldSelector, signal, onPage });
  }

  async #tell(items: readonly unknown[], seen: Set<string>, signal: AbortSignal): Promise<void> {
    this.#status.alive();
    for (const [i, item] of items.entries()) {
      seen.add(this.#told.apply(item, this.#header()));
      if (i % SLICE === SLICE - 1) await breathe();
      signal.throwIfAborted();
    }
  }

  #path(namespace?: string): string {
    return collectionPath(this.#options.resource, { version: this.#version, namespace });
  }

  #header(): Header {
    const { resource } = this.#options;
    return { apiVersion: apiVersionOf(resource, this.#version), kind: resource.kind };
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, now, random, resource, times } = this.#options;
    const { labelSelector, fieldSelector } = resource;
    const started = now();
    this.#interrupt = new AbortController();
    const interrupted = this.#interrupt.signal;
    const timeoutSeconds = Math.ceil((times.watch * (1 + random())) / 1000);
    const options = { watch: 1, resourceVersion: from, allowWatchBookmarks: true, timeoutSeconds };
    const end = await followWatch({
      client,
      path: this.#path(),
      query: { ...options, labelSelector, fieldSelector },
      signal: AbortSignal.any([signal, interrupted]),
      silence: times.silence,
      onOpen: () => this.#status.enter("watching"),
      onEvent: (event) => this.#take(event),
    });
    if (interrupted.aborted || signal.aborted) return;
    if (end.kind === "unreadable") {
      this.#cursor = undefined;
      throw new Error(`the watch of ${this.#path()} told something unreadable: ${messageOf(end.cause)}`);
    }
    if (end.events > 0 || now() - started >= times.shortWatch) this.#failures = 0;
    else await sleep(this.#nextDelay(undefined), signal);
    this.#preferVersion();
  }

  #take(event: WatchEvent): void {
    this.#status.alive();
    if (event.type === "applied") this.#told.apply(event.object, this.#header());
    if (event.type === "deleted") this.#told.remove(event.object);
    this.#cursor = event.resourceVersion;
  }

  // An older version lacks fields. A changed CRD ends its watches, so a better version is found soon.
  #preferVersion(): void {
    const best = this.#options.resource.versions[0];
    if (best === undefined || best === this.#version) return;
    this.#version = best;
    this.#cursor = undefined;
  }

  /** @returns How long to wait. */
  async #afterFailure(cause: unknown, signal: AbortSignal): Promise<Millis> {
    if (hasStatus(cause, 410)) return this.#afterExpiry();
    if (hasStatus(cause, 404)) {
      const wait = await this.#onNotFound(signal).catch(() => undefined);
      if (wait !== undefined) return wait;
    }
    this.#absences = 0;
    this.#status.enter("away", messageOf(cause));
    return this.#nextDelay(cause instanceof KubernetesError ? cause.retryAfter : undefined);
  }

  // The server is there, and no longer knows what changed since. Told objects stay until the listing is complete.
  #afterExpiry(): Millis {
    this.#cursor = undefined;
    if (this.#status.state === "away") this.#failures = 0;
    this.#status.enter("listing");
    return this.#nextDelay(undefined);
  }

  /** @returns undefined if the server contradicts itself: it has the kind, or cannot say. */
  async #onNotFound(signal: AbortSignal): Promise<Millis | undefined> {
    const { client, resource, times } = this.#options;
    const version = await servedVersion(client, resource, signal);
    if (version === this.#version) return undefined;
    this.#cursor = undefined;
    if (version !== undefined) {
      this.#version = version;
      return 0;
    }
    this.#version = resource.versions[0] ?? "";
    this.#absences += 1;
    if (this.#told.size > 0 && this.#absences < LOOKS_BEFORE_REMOVAL) {
      this.#status.enter("away", `${resource.plural}.${resource.group} is not served any more`);
      return times.absent;
    }
    this.#told.retain(() => false);
    this.#failures = 0;
    this.#status.enter("absent");
    this.#synced.resolve();
    return times.absent;
  }

  #nextDelay(retryAfter: Millis | undefined): Millis {
    const { times, random } = this.#options;
    this.#failures += 1;
    return delayBefore(this.#failures, { backOff: times.backOff, random: random(), retryAfter });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
