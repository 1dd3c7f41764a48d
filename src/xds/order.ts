/**
 * When which type may be sent on a stream: make before break, for both variants of the protocol.
 *
 * Facts about Envoy behind the rules (xDS protocol, "Eventual consistency considerations" and "Resource warming"):
 * - Responses of one stream are handled in order. Secrets, clusters and endpoints therefore go out together; what they
 *   need is already there, or is asked for and answered at once.
 * - Envoy holds back its ACK of clusters until the changed ones are warm, and for that it needs their endpoints. So
 *   endpoints never wait for the ACK of clusters: that would be a deadlock.
 * - The same makes the ACK of clusters the sign that they can take traffic. Listeners and routes wait for it.
 * - A changed cluster warms only when an endpoints response for it arrives, even an equal one, and the client does not
 *   ask for it on a delta stream. So endpoints are sent again after their cluster. A changed listener needs no such
 *   thing: it takes the routes that Envoy has.
 * - A client that comes back and is still warming clusters asks for endpoints before clusters (`isWarming`).
 * - An Envoy that starts asks for listeners once all of its first clusters are ready, and until then it must not see a
 *   second version of them (`isStarting`).
 * - A cluster that is taken away while a listener or route still names it fails requests. It is taken away last, after
 *   listeners and routes were accepted. After a NACK Envoy goes on with the old listener or route, so the old clusters
 *   stay until a newer one is accepted.
 *
 * @module
 */
import type { ProxyResources, Resource, ResourceGroup, ResourceKind } from "./resource.ts";
import { SEND_ORDER } from "./resource.ts";

/** The body of a response. */
export interface Content {
  /** What the client will hold after it: of the whole type (state of the world) or of the published group (delta). */
  readonly version: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
  /** Those of `resources` that the client does not hold in this version. */
  readonly changed: readonly string[];
}

/** A response that the client has not answered. */
export interface Waiting {
  readonly nonce: string;
  readonly content: Content;
  /** Of the published group that it brings the client to. */
  readonly groupVersion: string;
  /** It took too long, and nothing is held back for it any more. Its answer still counts if it comes. */
  readonly overdue: boolean;
}

/** What both variants keep for each type. */
export interface Progress {
  readonly subscribed: boolean;
  readonly waiting: Waiting | undefined;
  /** Resources that the client refused, with the refused versions. */
  readonly refused: ReadonlyMap<string, string>;
  /** Version of the last published group that the client is known to have. */
  readonly synced: string;
}

export interface StreamState<T extends Progress> {
  /** undefined until something was published for the proxy. */
  readonly target: ProxyResources | undefined;
  readonly types: Readonly<Record<ResourceKind, T>>;
  readonly nextNonce: number;
  /** The client came with configuration from an earlier stream, and not all of its types have been heard of yet. */
  readonly resumed: boolean;
  /** What was published since, while the client starts. */
  readonly later: ProxyResources | undefined;
  /** It took too long with something once: nothing newer is kept from it any more. */
  readonly hurried: boolean;
}

export interface Plan<T> {
  readonly type: T;
  /** undefined: nothing to send. */
  readonly content: Content | undefined;
  /** False if removals are withheld. */
  readonly complete: boolean;
}

/** How a variant of the protocol fills in the rules. All functions are pure. */
export interface Dialect<T extends Progress, Response> {
  plan(type: T, group: ResourceGroup, removals: boolean): Plan<T>;
  /** Marks endpoints to be sent although the client holds them. */
  owe(type: T, names: readonly string[]): T;
  respond(kind: ResourceKind, content: Content, nonce: string): Response;
}

export type Note =
  | {
      readonly kind: "sent";
      readonly resource: ResourceKind;
      readonly names: number;
      readonly bytes: number;
      readonly removed: number;
    }
  | { readonly kind: "acknowledged"; readonly resource: ResourceKind; readonly version: string }
  | {
      readonly kind: "rejected";
      readonly resource: ResourceKind;
      readonly version: string;
      readonly names: readonly string[];
      readonly message: string;
    }
  | { readonly kind: "ignored"; readonly typeUrl: string };

export interface Step<State, Response> {
  readonly state: State;
  readonly responses: readonly Response[];
  readonly notes: readonly Note[];
}

/** Stands in `refused` for a response that was refused although it held nothing new. */
export const NO_NAME = "";

export const UNTOUCHED: Progress = { subscribed: false, waiting: undefined, refused: new Map(), synced: "" };

export function withType<T extends Progress>(state: StreamState<T>, kind: ResourceKind, type: T): StreamState<T> {
  return type === state.types[kind] ? state : { ...state, types: { ...state.types, [kind]: type } };
}

/** Takes what was published. It goes out with the next `advance`, unless the client must get through its start first. */
export function takeResources<T extends Progress>(state: StreamState<T>, resources: ProxyResources): StreamState<T> {
  return { ...state, later: resources };
}

/**
 * True while an Envoy may be bringing up the clusters that it was sent first. All that it gets until then is of one
 * snapshot.
 *
 * Envoy 1.40 counts the clusters that it waits for, and loses count if one of them comes again as another type, such as
 * EDS that becomes STATIC: it then waits for ever, without asking for listeners and without opening a port. Clusters
 * that come twice with endpoints that come once did the same (envoyproxy/envoy#13874, #21425). A client that has no
 * endpoints to ask for has its clusters ready at once.
 */
function isStarting<T extends Progress>({ target, types, hurried }: StreamState<T>): boolean {
  if (hurried || target === undefined) return false;
  return types.cluster.subscribed && !types.listener.subscribed && target.endpoints.byName.size > 0;
}

function withNewest<T extends Progress>(state: StreamState<T>): StreamState<T> {
  if (state.later === undefined || isStarting(state)) return state;
  return { ...state, target: state.later, later: undefined };
}

/** Sends all that may be sent now. */
export function advance<T extends Progress, R>(
  before: StreamState<T>,
  dialect: Dialect<T, R>,
): Step<StreamState<T>, R> {
  const start = withNewest(before);
  const { target } = start;
  if (target === undefined) return { state: start, responses: [], notes: [] };
  const steps: Step<StreamState<T>, R>[] = [];
  let state = start;
  for (const kind of SEND_ORDER) {
    if (!mayUpdate(state, kind, dialect)) continue;
    const { type, content, complete } = dialect.plan(state.types[kind], target[kind], mayRemove(state, kind, dialect));
    const planned = withType(state, kind, type);
    const step =
      content === undefined
        ? stay<T, R>(planned, target[kind], complete)
        : send(planned, target[kind], content, dialect);
    state = step.state;
    steps.push(step);
  }
  return { state, responses: steps.flatMap((step) => step.responses), notes: steps.flatMap((step) => step.notes) };
}

/** Nothing to send: the client may have come in step with the group all the same. */
function stay<T extends Progress, R>(
  state: StreamState<T>,
  group: ResourceGroup,
  complete: boolean,
): Step<StreamState<T>, R> {
  const { kind, version } = group;
  const type = state.types[kind];
  const inStep = complete && type.waiting === undefined && type.synced !== version && !isRefused(type, group);
  if (!inStep) return { state, responses: [], notes: [] };
  const notes: Note[] = [{ kind: "acknowledged", resource: kind, version }];
  return { state: withType(state, kind, { ...type, synced: version }), responses: [], notes };
}

function send<T extends Progress, R>(
  state: StreamState<T>,
  { kind, version }: ResourceGroup,
  content: Content,
  dialect: Dialect<T, R>,
): Step<StreamState<T>, R> {
  const nonce = String(state.nextNonce);
  const waiting: Waiting = { nonce, content, groupVersion: version, overdue: false };
  let next = withType({ ...state, nextNonce: state.nextNonce + 1 }, kind, { ...state.types[kind], waiting });
  if (kind === "cluster") next = withType(next, "endpoints", dialect.owe(next.types.endpoints, content.changed));
  return { state: next, responses: [dialect.respond(kind, content, nonce)], notes: [sentNote(kind, content)] };
}

/** Stops holding anything back for responses that were not answered in time, and for types not asked for in time. */
export function giveUpWaiting<T extends Progress>(state: StreamState<T>): StreamState<T> {
  let next: StreamState<T> = { ...state, resumed: false, hurried: true };
  for (const kind of SEND_ORDER) {
    const type = next.types[kind];
    if (type.waiting !== undefined)
      next = withType(next, kind, { ...type, waiting: { ...type.waiting, overdue: true } });
  }
  return next;
}

/** True if something is held back until the client says something, so that a deadline makes sense. */
export function isHeldBack<T extends Progress, R>(state: StreamState<T>, dialect: Dialect<T, R>): boolean {
  const { cluster } = state.types;
  if (state.later !== undefined || SEND_ORDER.some((kind) => isBlocked(state.types[kind]))) return true;
  if (!state.resumed || state.target === undefined) return false;
  return !cluster.subscribed || !dialect.plan(cluster, state.target.cluster, false).complete;
}

/**
 * True if the first request for endpoints shows that clusters are still warming from an earlier stream.
 *
 * Envoy asks for clusters first, except while some are warming: then it holds that request back until it has their
 * endpoints, which it may claim to hold already. They must be sent all the same, or it waits for 15 s.
 */
export function isWarming<T extends Progress>({ types }: StreamState<T>, kind: ResourceKind): boolean {
  return kind === "endpoints" && !types.cluster.subscribed;
}

function isBlocked({ waiting }: Progress): boolean {
  return waiting !== undefined && !waiting.overdue;
}

function isRefused({ refused }: Progress, group: ResourceGroup): boolean {
  return [...refused].some(([name, version]) => name === NO_NAME || group.byName.get(name)?.version === version);
}

/** The client has answered for all that the target adds or changes of this type. */
function isSettled<T extends Progress, R>(state: StreamState<T>, kind: ResourceKind, dialect: Dialect<T, R>): boolean {
  const type = state.types[kind];
  if (!type.subscribed || state.target === undefined) return true;
  // A listener goes with what it names, so its removal counts too.
  return !isBlocked(type) && dialect.plan(type, state.target[kind], kind === "listener").content === undefined;
}

function mayUpdate<T extends Progress, R>(state: StreamState<T>, kind: ResourceKind, dialect: Dialect<T, R>): boolean {
  const type = state.types[kind];
  if (!type.subscribed || isBlocked(type)) return false;
  if (kind !== "listener" && kind !== "route") return true;
  return (state.types.cluster.subscribed || !state.resumed) && isSettled(state, "cluster", dialect);
}

function mayRemove<T extends Progress, R>(state: StreamState<T>, kind: ResourceKind, dialect: Dialect<T, R>): boolean {
  if (kind === "listener") return true;
  if (kind === "route") return isReleased(state, "listener", dialect);
  const released = isReleased(state, "listener", dialect) && isReleased(state, "route", dialect);
  if (kind === "cluster") return released;
  // Endpoints and secrets outlive the clusters that use them. The client has mostly unsubscribed by then.
  const { target, types } = state;
  if (!released || isBlocked(types.cluster) || target === undefined) return false;
  return !types.cluster.subscribed || dialect.plan(types.cluster, target.cluster, true).content === undefined;
}

// A type that a new client has not asked for names nothing yet. A client that comes back may well hold listeners, even
// if their request comes a moment after that for clusters.
function isReleased<T extends Progress, R>(state: StreamState<T>, kind: ResourceKind, dialect: Dialect<T, R>): boolean {
  const type = state.types[kind];
  if (!type.subscribed) return !state.resumed;
  return state.target !== undefined && isSettled(state, kind, dialect) && !isRefused(type, state.target[kind]);
}

function sentNote(resource: ResourceKind, { resources, removed }: Content): Note {
  const bytes = resources.reduce((sum, one) => sum + one.body.byteLength, 0);
  return { kind: "sent", resource, names: resources.length, bytes, removed: removed.length };
}
