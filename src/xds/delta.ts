/**
 * Incremental xDS: one stream as a pure function.
 *
 * The state remembers a published group that the client is in step with, and the few names for which it is not.
 * A push therefore costs what changed, not what the client holds.
 *
 * @see xDS protocol, "Incremental xDS"
 * @module
 */
import { create } from "@bufbuild/protobuf";
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  ResourceSchema,
  type Resource as WireResource,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { settleAnswer } from "./answer.ts";
import { changedNames } from "./changes.ts";
import type { Mail } from "./mailbox.ts";
import {
  advance,
  type Content,
  type Dialect,
  giveUpWaiting,
  isWarming,
  type Note,
  type Plan,
  type Progress,
  type Step,
  type StreamState,
  takeResources,
  UNTOUCHED,
  withType,
} from "./order.ts";
import { checkNames, type Limits, RequestRefused, startsAsWildcard } from "./request.ts";
import { emptyGroup, kindOf, type Resource, type ResourceGroup, type ResourceKind, TYPE_URLS } from "./resource.ts";

/** A version that a client holds; "" nothing, and knows it; undefined: unknown, tell it in any case. */
type Held = string | undefined;

export interface DeltaType extends Progress {
  readonly wildcard: boolean;
  /** Subscribed by name. */
  readonly names: ReadonlySet<string>;
  /** What the client holds, but for the names in `stale`. */
  readonly base: ResourceGroup;
  readonly stale: ReadonlyMap<string, Held>;
  /** `stale` still has what the client said that it holds, and nothing has been compared with it yet. */
  readonly claimed: boolean;
  /** Endpoints whose clusters changed on this stream before endpoints were asked for. */
  readonly owed: ReadonlySet<string>;
}

export type DeltaState = StreamState<DeltaType>;
export type DeltaStep = Step<DeltaState, DeltaDiscoveryResponse>;

export function initialDelta(): DeltaState {
  const type = (kind: ResourceKind): DeltaType => ({
    ...UNTOUCHED,
    wildcard: false,
    names: new Set(),
    base: emptyGroup(kind),
    stale: new Map(),
    claimed: false,
    owed: new Set(),
  });
  const types = {
    cluster: type("cluster"),
    endpoints: type("endpoints"),
    listener: type("listener"),
    route: type("route"),
    secret: type("secret"),
  };
  return { target: undefined, types, nextNonce: 1, resumed: false, later: undefined, hurried: false };
}

/** @throws RequestRefused for a request that ends the stream. */
export function stepDelta(state: DeltaState, mail: Mail<DeltaDiscoveryRequest>, limits: Limits): DeltaStep {
  switch (mail.kind) {
    case "resources":
      return advance(takeResources(state, mail.resources), DELTA);
    case "overdue":
      return advance(giveUpWaiting(state), DELTA);
    case "request":
      return stepRequest(state, mail.request, limits);
  }
}

function stepRequest(state: DeltaState, request: DeltaDiscoveryRequest, limits: Limits): DeltaStep {
  if (request.typeUrl === "") throw new RequestRefused({ kind: "type-missing" });
  const kind = kindOf(request.typeUrl);
  if (kind === undefined) return { state, responses: [], notes: [{ kind: "ignored", typeUrl: request.typeUrl }] };
  const before = state.types[kind];
  const [answered, notes] = before.subscribed ? takeAnswer(kind, before, request) : [before, []];
  const type = before.subscribed ? changeSubscription(answered, request) : subscribe(state, kind, request);
  checkNames(kind, type.names.size, limits);
  const resumed = state.resumed || (!before.subscribed && Object.keys(request.initialResourceVersions).length > 0);
  const step = advance(withType({ ...state, resumed }, kind, type), DELTA);
  return { ...step, notes: [...notes, ...step.notes] };
}

// A stale nonce is no answer, but what else the request says about subscriptions counts: it is said only once.
function takeAnswer(
  kind: ResourceKind,
  type: DeltaType,
  { responseNonce, errorDetail }: DeltaDiscoveryRequest,
): [DeltaType, Note[]] {
  if (type.waiting === undefined || type.waiting.nonce !== responseNonce) return [type, []];
  return settleAnswer(kind, type, type.waiting, { nonce: responseNonce, error: errorDetail?.message });
}

function subscribe(state: DeltaState, kind: ResourceKind, request: DeltaDiscoveryRequest): DeltaType {
  const { resourceNamesSubscribe: asked, initialResourceVersions: versions } = request;
  const type = state.types[kind];
  const group = state.target?.[kind];
  const wildcard = asked.includes("*") || (asked.length === 0 && startsAsWildcard(kind));
  // The group's own strings, where there are: a decoded copy of each name for each stream adds up.
  const names = new Set(asked.filter((name) => name !== "*").map((name) => group?.byName.get(name)?.name ?? name));
  const isWanted = (name: string): boolean => wildcard || names.has(name);
  const stale = new Map<string, Held>([...names].map((name) => [name, undefined]));
  const distrust = isWarming(state, kind);
  for (const [name, version] of Object.entries(versions))
    if (isWanted(name)) stale.set(name, distrust ? undefined : version);
  for (const name of type.owed) if (isWanted(name)) stale.set(name, undefined);
  return { ...type, subscribed: true, wildcard, names, stale, claimed: true, owed: new Set() };
}

function changeSubscription(type: DeltaType, request: DeltaDiscoveryRequest): DeltaType {
  const { resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped } = request;
  if (added.length === 0 && dropped.length === 0) return type;
  let next = added.includes("*") && !type.wildcard ? widen(type) : type;
  if (dropped.includes("*")) next = { ...next, wildcard: false };
  const names = new Set(next.names);
  const stale = new Map(next.stale);
  for (const name of added) if (name !== "*") names.add(name);
  for (const name of dropped) names.delete(name);
  // Asked for again means answered again: the client may have forgotten it. And a client that drops a name which the
  // wildcard still covers drops the resource too.
  for (const name of [...added, ...dropped]) if (name !== "*") stale.set(name, undefined);
  return { ...next, names, stale };
}

// So far only the named resources were in step with `base`; all others the client does not have.
function widen(type: DeltaType): DeltaType {
  const stale = new Map<string, Held>([...type.names].map((name) => [name, heldOf(type, name)]));
  return { ...type, wildcard: true, base: emptyGroup(type.base.kind), stale };
}

function heldOf({ base, stale }: DeltaType, name: string): Held {
  return stale.has(name) ? stale.get(name) : (base.byName.get(name)?.version ?? "");
}

function planDelta(type: DeltaType, group: ResourceGroup, removals: boolean): Plan<DeltaType> {
  const resources: Resource[] = [];
  const removed: string[] = [];
  const withheld = new Map<string, Held>();
  for (const name of doubtfulNames(type, group)) {
    const held = heldOf(type, name);
    const resource = group.byName.get(name);
    if (resource === undefined) {
      // A name that the client has just asked for can be reported as missing at once: it has nothing yet.
      if (removals || held === undefined) removed.push(name);
      else withheld.set(name, held);
    } else if (!isGoodEnough(type, resource, held)) resources.push(resource);
  }
  const next = { ...type, base: group, stale: withheld, claimed: false };
  const complete = withheld.size === 0;
  // A new client waits for the first answer to a wildcard, up to its fetch timeout, even if there is nothing to tell.
  const expected = type.claimed && type.wildcard && type.stale.size === 0;
  if (resources.length === 0 && removed.length === 0 && !expected) return { type: next, content: undefined, complete };
  resources.sort((a, b) => (a.name < b.name ? -1 : 1));
  const content: Content = {
    version: group.version,
    resources,
    removed: removed.sort(),
    changed: resources.map((one) => one.name),
  };
  return { type: next, content, complete };
}

/** Names of interest that the client may hold in another version than the group has. */
function doubtfulNames(type: DeltaType, group: ResourceGroup): readonly string[] {
  const names = new Set([...type.stale.keys(), ...changedNames(type.base, group)]);
  const isMissed = (name: string): boolean => group.byName.has(name) || heldOf(type, name) !== "";
  return [...names].filter((name) => (type.wildcard || type.names.has(name)) && isMissed(name));
}

function isGoodEnough({ claimed }: DeltaType, { version, adopt, withheld }: Resource, held: Held): boolean {
  if (held === version) return true;
  const adopted = claimed && held !== undefined && held !== "" && adopt?.(held) === true;
  return adopted || withheld === true;
}

function owe(type: DeltaType, names: readonly string[]): DeltaType {
  if (!type.subscribed) return { ...type, owed: new Set([...type.owed, ...names]) };
  const wanted = names.filter((name) => type.names.has(name) || (type.wildcard && heldOf(type, name) !== ""));
  if (wanted.length === 0) return type;
  return { ...type, stale: new Map([...type.stale, ...wanted.map((name): [string, Held] => [name, undefined])]) };
}

const WIRE = new WeakMap<Resource, WireResource>();

/** One message object for all streams that send the resource. */
function wireOf(kind: ResourceKind, resource: Resource): WireResource {
  const known = WIRE.get(resource);
  if (known !== undefined) return known;
  const { name, version, body } = resource;
  const made = create(ResourceSchema, { name, version, resource: { typeUrl: TYPE_URLS[kind], value: body } });
  WIRE.set(resource, made);
  return made;
}

function respond(kind: ResourceKind, content: Content, nonce: string): DeltaDiscoveryResponse {
  return create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: content.version,
    typeUrl: TYPE_URLS[kind],
    resources: content.resources.map((resource) => wireOf(kind, resource)),
    removedResources: [...content.removed],
    nonce,
  });
}

export const DELTA: Dialect<DeltaType, DeltaDiscoveryResponse> = { plan: planDelta, owe, respond };
