/**
 * A model of Envoy as an xDS client, for laws over the pure step functions.
 *
 * It does what Envoy 1.40 was seen to do: it asks for the endpoints of the clusters that it holds and for the routes
 * that its listeners name, holds back its ACK of clusters until all changed ones got endpoints, and asks for clusters
 * only after that if it reconnects meanwhile. Bodies are texts: a listener's is the name of its route, a route's the
 * name of its cluster, each with a suffix after `#`.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { kindOf, type ResourceKind, resourceOf, TYPE_URLS } from "../../src/xds/resource.ts";

const DECODER = new TextDecoder();
const KINDS: readonly ResourceKind[] = ["cluster", "endpoints", "listener", "route"];

/** A response of either variant. */
export interface Received {
  readonly kind: ResourceKind;
  readonly nonce: string;
  readonly version: string;
  /** Name to body. */
  readonly resources: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
  /** What is missing is gone. */
  readonly whole: boolean;
}

export interface Subscription {
  readonly kind: ResourceKind;
  readonly names: readonly string[];
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly nonce: string;
  readonly version: string;
  readonly error?: string;
  /** Only in the first request of a stream: name to version. */
  readonly held?: Readonly<Record<string, string>>;
  readonly first?: boolean;
}

export interface Wire<Req, Res> {
  request(subscription: Subscription): Req;
  response(response: Res): Received;
}

function kindIn(typeUrl: string): ResourceKind {
  const kind = kindOf(typeUrl);
  if (kind === undefined) throw new Error(`unknown type ${typeUrl}`);
  return kind;
}

export const DELTA_WIRE: Wire<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
  request: ({ kind, added, dropped, nonce, error, held }) =>
    create(DeltaDiscoveryRequestSchema, {
      typeUrl: TYPE_URLS[kind],
      resourceNamesSubscribe: [...added],
      resourceNamesUnsubscribe: [...dropped],
      responseNonce: nonce,
      initialResourceVersions: { ...held },
      ...(error === undefined ? {} : { errorDetail: { message: error } }),
    }),
  response: ({ typeUrl, nonce, systemVersionInfo, resources, removedResources }) => ({
    kind: kindIn(typeUrl),
    nonce,
    version: systemVersionInfo,
    resources: new Map(resources.map(({ name, resource }) => [name, DECODER.decode(resource?.value)])),
    removed: removedResources,
    whole: false,
  }),
};

/** Bodies carry no names there, so the world's bodies begin with theirs: `name=body`. */
export const SOTW_WIRE: Wire<DiscoveryRequest, DiscoveryResponse> = {
  request: ({ kind, names, nonce, version, error, first }) =>
    create(DiscoveryRequestSchema, {
      typeUrl: TYPE_URLS[kind],
      resourceNames: [...names],
      responseNonce: first === true ? "" : nonce,
      versionInfo: version,
      ...(error === undefined ? {} : { errorDetail: { message: error } }),
    }),
  response: ({ typeUrl, nonce, versionInfo, resources }) => ({
    kind: kindIn(typeUrl),
    nonce,
    version: versionInfo,
    resources: new Map(
      resources.map(({ value }) => {
        const text = DECODER.decode(value);
        return [text.slice(0, text.indexOf("=")), text];
      }),
    ),
    removed: [],
    whole: kindIn(typeUrl) === "cluster" || kindIn(typeUrl) === "listener",
  }),
};

/** `name=target#suffix` → `target`. */
function targetOf(body: string): string {
  return body.slice(body.indexOf("=") + 1, body.indexOf("#"));
}

export class ModelEnvoy<Req, Res> {
  readonly holds: Record<ResourceKind, Map<string, string>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
    secret: new Map(),
  };
  /** Changed clusters that wait for their endpoints. */
  readonly cold = new Set<string>();
  readonly out: Req[] = [];
  readonly #wire: Wire<Req, Res>;
  #names: Partial<Record<ResourceKind, ReadonlySet<string>>> = {};
  #nonces: Partial<Record<ResourceKind, string>> = {};
  #versions: Partial<Record<ResourceKind, string>> = {};
  #heldBackAck: Received | undefined;
  #clustersAsked = false;

  constructor(wire: Wire<Req, Res>) {
    this.#wire = wire;
  }

  /** Opens a stream, the first or another. What was under way is lost; what is held stays. */
  open(): void {
    this.out.length = 0;
    this.#nonces = {};
    this.#heldBackAck = undefined;
    this.#clustersAsked = false;
    const asked = this.#names;
    this.#names = {};
    if (this.cold.size === 0) this.#askClusters();
    for (const kind of KINDS) if (kind !== "cluster" && asked[kind] !== undefined) this.#ask(kind, asked[kind]);
    if (asked.listener === undefined) this.#ask("listener", new Set());
  }

  /** Handles a response as if its resources were bad. What it removes goes all the same, as in Envoy. */
  refuse(response: Res): void {
    const received = this.#wire.response(response);
    this.#nonces[received.kind] = received.nonce;
    this.#apply({ ...received, resources: new Map(), whole: false });
    if (received.kind === "cluster") this.#ask("endpoints", new Set(this.holds.cluster.keys()));
    this.#answer(received, "refused");
  }

  /** Envoy's own deadline of 15 s for endpoints: the cluster goes on without. */
  giveUpOn(clusters: readonly string[]): void {
    this.#warm(clusters);
    this.#warmed();
  }

  receive(response: Res): void {
    const received = this.#wire.response(response);
    this.#nonces[received.kind] = received.nonce;
    this.#versions[received.kind] = received.version;
    this.#apply(received);
    if (received.kind === "cluster") this.#ask("endpoints", new Set(this.holds.cluster.keys()));
    if (received.kind === "listener") this.#ask("route", new Set([...this.holds.listener.values()].map(targetOf)));
    if (received.kind === "cluster" && this.cold.size > 0) this.#heldBackAck = received;
    else this.#answer(received);
    this.#warmed();
  }

  #warmed(): void {
    if (this.cold.size > 0) return;
    if (this.#heldBackAck !== undefined) this.#answer(this.#heldBackAck);
    this.#heldBackAck = undefined;
    if (!this.#clustersAsked) this.#askClusters();
  }

  /** Clusters that requests are sent to now, and that are missing. */
  dangling(): string[] {
    const routes = [...this.holds.listener.values()].map((body) => this.holds.route.get(targetOf(body)));
    const clusters = routes.filter((body) => body !== undefined).map(targetOf);
    return clusters.filter((name) => !this.holds.cluster.has(name));
  }

  #apply({ kind, resources, removed, whole }: Received): void {
    const held = this.holds[kind];
    const gone = whole ? [...held.keys()].filter((name) => !resources.has(name)) : removed;
    // What was dropped while it was on its way is not taken.
    const wanted = kind === "cluster" || kind === "listener" ? undefined : (this.#names[kind] ?? new Set());
    const taken = [...resources].filter(([name]) => wanted === undefined || wanted.has(name));
    const changed = taken.filter(([name, body]) => held.get(name) !== body).map(([name]) => name);
    for (const name of gone) held.delete(name);
    for (const [name, body] of taken) held.set(name, body);
    const answered = kind === "endpoints" ? taken.map(([name]) => name) : [];
    if (kind === "cluster" || kind === "endpoints") this.#warm([...gone, ...answered]);
    if (kind === "cluster") for (const name of changed) this.cold.add(name);
  }

  #warm(names: readonly string[]): void {
    for (const name of names) this.cold.delete(name);
  }

  #askClusters(): void {
    this.#clustersAsked = true;
    this.#ask("cluster", new Set());
  }

  #ask(kind: ResourceKind, names: ReadonlySet<string>): void {
    const before = this.#names[kind];
    const added = [...names].filter((name) => before?.has(name) !== true);
    const dropped = [...(before ?? [])].filter((name) => !names.has(name));
    this.#names[kind] = names;
    if (before !== undefined && added.length === 0 && dropped.length === 0) return;
    if (before === undefined && names.size === 0 && kind !== "cluster" && kind !== "listener") {
      delete this.#names[kind];
      return;
    }
    for (const name of dropped) this.holds[kind].delete(name);
    const held = Object.fromEntries([...this.holds[kind]].map(([name, body]) => [name, versionOf(name, body)]));
    const request = { kind, names: [...names], added, dropped, nonce: "", version: this.#versions[kind] ?? "" };
    this.out.push(
      this.#wire.request(
        before === undefined ? { ...request, held, first: true } : { ...request, nonce: this.#nonces[kind] ?? "" },
      ),
    );
  }

  #answer({ kind, nonce }: Received, error?: string): void {
    const names = [...(this.#names[kind] ?? [])];
    const request = { kind, names, added: [], dropped: [], nonce, version: this.#versions[kind] ?? "" };
    this.out.push(this.#wire.request(error === undefined ? request : { ...request, error }));
  }
}

function versionOf(name: string, body: string): string {
  return resourceOf(name, new TextEncoder().encode(body)).version;
}
