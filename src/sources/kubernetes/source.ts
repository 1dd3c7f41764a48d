/**
 * A cluster as a source of objects: one list-watch for each kind that the mesh reads.
 *
 * The namespaces of the mesh come first: of most other kinds only the objects of those are told, since the compiler
 * would leave out the others anyway, and a large cluster has many. The addresses behind gateways are the exception.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import type { ObjectRef } from "../../core/base/ref.ts";
import { isRecord } from "../../core/model/fields.ts";
import { IngressBackend } from "../../core/model/ingress-backend.ts";
import type { ObjectSink, ObjectSource } from "../../engine/ports.ts";
import type { KubernetesClient } from "./client.ts";
import type { KindStatus } from "./kind-status.ts";
import { ListWatch, WATCH_TIMES, type WatchTimes } from "./list-watch.ts";
import { createNamedNamespaces } from "./named-namespaces.ts";
import { type MeshScope, namespacesOf, resourcesOf, type WatchedResource } from "./resource.ts";

export interface KubernetesSourceOptions {
  readonly client: KubernetesClient;
  readonly scope: MeshScope;
  readonly times?: WatchTimes;
  now?(): Millis;
  /** In [0, 1). */
  random?(): number;
}

/**
 * Tells a sink of a cluster's objects until stopped. `start` waits for the API server as long as it takes; it rejects
 * only if `stop` comes first.
 */
export class KubernetesSource implements ObjectSource {
  readonly #options: Required<KubernetesSourceOptions>;
  readonly #members = new Set<string>();
  readonly #named = createNamedNamespaces((namespace, named) => this.#onNamed(namespace, named));
  readonly #lifetime = new AbortController();
  readonly #listeners = new Set<() => void>();
  #watches: readonly ListWatch[] = [];
  #running: readonly Promise<void>[] = [];

  constructor(options: KubernetesSourceOptions) {
    this.#options = { times: WATCH_TIMES, now: () => Date.now(), random: Math.random, ...options };
  }

  async start(sink: ObjectSink): Promise<void> {
    const { scope } = this.#options;
    const namespaces = this.#watch(namespacesOf(scope), this.#membershipSink(sink));
    const isNaming = ({ kind }: WatchedResource) => kind === IngressBackend.kind;
    const naming = resourcesOf(scope)
      .filter(isNaming)
      .map((resource) => this.#watch(resource, this.#namingSink(sink)));
    const others = resourcesOf(scope)
      .filter((resource) => !isNaming(resource))
      .map((resource) => this.#watch(resource, sink));
    this.#watches = [namespaces, ...naming, ...others];
    // IngressBackends before the addresses behind Services: were those of gateways told later than the rest, proxies
    // would be closed to them meanwhile.
    for (const first of [namespaces, ...naming]) {
      this.#running = [...this.#running, first.run(this.#lifetime.signal)];
      await this.#orStopped(first.synced);
    }
    this.#running = [...this.#running, ...others.map((watch) => watch.run(this.#lifetime.signal))];
    await this.#orStopped(Promise.all(others.map(({ synced }) => synced)));
    sink.synced();
  }

  /** Ends all connections. What was told stays. */
  async stop(): Promise<void> {
    this.#lifetime.abort(new Error("the Kubernetes source was stopped"));
    await Promise.all(this.#running);
  }

  /** Of each kind, the namespaces first. Empty before `start`. */
  status(): readonly KindStatus[] {
    return this.#watches.map((watch) => watch.status());
  }

  /** Calls `listener` whenever a kind's state or error changes. @returns Its end. */
  onStatus(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #watch(resource: WatchedResource, sink: Pick<ObjectSink, "apply" | "remove">): ListWatch {
    const { client, times, now, random } = this.#options;
    return new ListWatch({
      client,
      resource,
      sink,
      times,
      now,
      random,
      isMember: (namespace) => this.#isTold(resource, namespace),
      onStatus: () => {
        for (const listener of this.#listeners) listener();
      },
    });
  }

  /** Keeps the members beside what the sink is told of namespaces. */
  #membershipSink(sink: ObjectSink): Pick<ObjectSink, "apply" | "remove"> {
    return {
      apply: (raw) => {
        const findings = sink.apply(raw);
        this.#join(nameOf(raw));
        return findings;
      },
      remove: (ref: ObjectRef) => {
        sink.remove(ref);
        this.#leave(ref.name);
      },
    };
  }

  /** Keeps the namespaces that IngressBackends name beside what the sink is told of them. */
  #namingSink(sink: ObjectSink): Pick<ObjectSink, "apply" | "remove"> {
    return {
      apply: (raw) => {
        const findings = sink.apply(raw);
        this.#named.note(raw);
        return findings;
      },
      remove: (ref: ObjectRef) => {
        sink.remove(ref);
        this.#named.forget(ref);
      },
    };
  }

  #isTold({ ofSources = false }: Pick<WatchedResource, "ofSources">, namespace: string): boolean {
    return this.#members.has(namespace) || (ofSources && this.#named.has(namespace));
  }

  #onNamed(namespace: string, named: boolean): void {
    if (this.#members.has(namespace)) return;
    for (const watch of this.#watches.filter(({ ofSources }) => ofSources)) {
      if (named) watch.include(namespace);
      else watch.exclude(namespace);
    }
  }

  #join(namespace: string): void {
    if (this.#members.has(namespace)) return;
    this.#members.add(namespace);
    for (const watch of this.#memberWatches()) watch.include(namespace);
  }

  #leave(namespace: string): void {
    if (!this.#members.delete(namespace)) return;
    for (const watch of this.#memberWatches()) if (!this.#isTold(watch, namespace)) watch.exclude(namespace);
  }

  #memberWatches(): readonly ListWatch[] {
    return this.#watches.filter(({ membersOnly }) => membersOnly);
  }

  async #orStopped(work: Promise<unknown>): Promise<void> {
    const { signal } = this.#lifetime;
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.race([work, stopped.promise]).finally(() => signal.removeEventListener("abort", stop));
  }
}

function nameOf(raw: unknown): string {
  const metadata = isRecord(raw) ? raw["metadata"] : undefined;
  return isRecord(metadata) && typeof metadata["name"] === "string" ? metadata["name"] : "";
}
