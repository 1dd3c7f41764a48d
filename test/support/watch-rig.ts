/**
 * A list-watch of one kind between an API server of the tests' own and a sink that keeps what it is told.
 *
 * @module
 */
import { openAccess } from "../../src/sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import type { KindState } from "../../src/sources/kubernetes/kind-status.ts";
import { ListWatch, type WatchTimes } from "../../src/sources/kubernetes/list-watch.ts";
import type { WatchedResource } from "../../src/sources/kubernetes/resource.ts";
import { FakeApiServer } from "./fake-api-server.ts";
import { ToldSink } from "./told-sink.ts";

export const SERVICES = "/api/v1/services";
export const SERVICE: WatchedResource = { kind: "Service", group: "", plural: "services", versions: ["v1"] };

/** Long for what ends a connection that is well, short for the rest. */
const TIMES: WatchTimes = {
  watch: 60_000,
  silence: 60_000,
  absent: 30,
  shortWatch: 20,
  backOff: { first: 10, cap: 40 },
};

/** An object of namespace `n`. */
export function inNamespace(name: string, spec: unknown = {}) {
  return { metadata: { name, namespace: "n" }, spec };
}

interface Started {
  readonly client: KubernetesClient;
  readonly watch: ListWatch;
  readonly running: Promise<void>;
}

export class WatchRig {
  readonly server: FakeApiServer;
  readonly sink = new ToldSink();
  /** The watch's states, as it told them. */
  readonly states: KindState[] = [];
  readonly #lifetime = new AbortController();
  #started: Started | undefined;

  private constructor(server: FakeApiServer) {
    this.server = server;
  }

  /** A server that has Services, and no watch yet. */
  static async make(): Promise<WatchRig> {
    const server = await FakeApiServer.start();
    server.serveKind(SERVICES, SERVICE.kind);
    return new WatchRig(server);
  }

  /** Resolves once the kind is listed. */
  async start(resource = SERVICE, times: Partial<WatchTimes> = {}): Promise<void> {
    const client = createClient(await openAccess({ kind: "file", path: this.server.kubeconfig() }));
    const watch: ListWatch = new ListWatch({
      client,
      resource,
      sink: this.sink,
      times: { ...TIMES, ...times },
      now: () => Date.now(),
      random: Math.random,
      isMember: () => true,
      onStatus: () => this.states.push(watch.status().state),
    });
    this.#started = { client, watch, running: watch.run(this.#lifetime.signal) };
    await watch.synced;
  }

  get watch(): ListWatch {
    if (this.#started === undefined) throw new Error("the watch was not started: call start() first");
    return this.#started.watch;
  }

  /** Ends the watch, not the server. */
  async stop(): Promise<void> {
    this.#lifetime.abort(new Error("stop"));
    await this.#started?.running;
    this.#started?.client.close();
  }

  async end(): Promise<void> {
    await this.stop();
    await this.server.stop();
  }

  /** Requests for a listing of a collection, and for a watch of any. */
  lists(path = SERVICES): readonly string[] {
    return this.server.requests.filter((line) => line.includes(path) && !line.includes("watch=1"));
  }

  watches(): readonly string[] {
    return this.server.requests.filter((line) => line.includes("watch=1"));
  }
}
