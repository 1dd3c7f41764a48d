/**
 * State-of-the-world xDS: one stream as a pure function.
 *
 * A response holds all that was asked for of its type. For clusters and listeners that is the truth: what is missing is
 * gone. So that no cluster goes while something names it, clusters are sent twice when some are to go: first the new
 * ones with the old, later without them.
 *
 * A client that comes back says one version for each type, not what it holds. If clusters changed meanwhile, the old
 * ones cannot be kept, since nobody knows them. Delta streams do not have that gap.
 *
 * @see xDS protocol, "Basic Protocol Overview"
 * @module
 */

import { create } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.ts";
import { settleAnswer } from "./answer.ts";
import { changedNames, type Selection, select, selectionOf, unionOf } from "./changes.ts";
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
import { kindOf, type Resource, type ResourceGroup, type ResourceKind, TYPE_URLS } from "./resource.ts";

export interface SotwType extends Progress {
  readonly selection: Selection;
  /** The content of the last response; undefined before the first. */
  readonly sent: ResourceGroup | undefined;
  /** The version that the client came with; "" if none. */
  readonly heldVersion: string;
  /** The client waits for a response even if it would be equal to the last. */
  readonly forced: boolean;
  /** Nonce of the last response; "" before the first. */
  readonly lastNonce: string;
}

export type SotwState = StreamState<SotwType>;
export type SotwStep = Step<SotwState, DiscoveryResponse>;

const NOTHING = selectionOf(false, []);

export function initialSotw(): SotwState {
  const type: SotwType = {
    ...UNTOUCHED,
    selection: NOTHING,
    sent: undefined,
    heldVersion: "",
    forced: false,
    lastNonce: "",
  };
  return {
    target: undefined,
    types: { cluster: type, endpoints: type, listener: type, route: type, secret: type },
    nextNonce: 1,
    resumed: false,
    later: undefined,
    hurried: false,
  };
}

/** @throws RequestRefused for a request that ends the stream. */
export function stepSotw(state: SotwState, mail: Mail<DiscoveryRequest>, limits: Limits): SotwStep {
  switch (mail.kind) {
    case "resources":
      return advance(takeResources(state, mail.resources), SOTW);
    case "overdue":
      return advance(giveUpWaiting(state), SOTW);
    case "request":
      return stepRequest(state, mail.request, limits);
  }
}

function stepRequest(state: SotwState, request: DiscoveryRequest, limits: Limits): SotwStep {
  if (request.typeUrl === "") throw new RequestRefused({ kind: "type-missing" });
  const kind = kindOf(request.typeUrl);
  if (kind === undefined) return { state, responses: [], notes: [{ kind: "ignored", typeUrl: request.typeUrl }] };
  const before = state.types[kind];
  const nonce = request.responseNonce;
  const lastNonce = before.waiting?.nonce ?? before.lastNonce;
  // A stale request says nothing: the client repeats it with the nonce of the response that is on its way. An empty
  // nonce is a subscription made before the first response came.
  if (before.subscribed && nonce !== "" && nonce !== lastNonce) return { state, responses: [], notes: [] };
  const [answered, notes] = before.subscribed ? takeAnswer(kind, before, request) : [before, []];
  const selection = selectionFor(kind, before, request.resourceNames);
  checkNames(kind, selection.names.size, limits);
  const type = before.subscribed
    ? changeSubscription(answered, selection)
    : {
        ...before,
        subscribed: true,
        selection,
        heldVersion: request.versionInfo,
        forced: before.forced || isWarming(state, kind) || isAskedAnew(state, kind),
      };
  const resumed = state.resumed || (!before.subscribed && request.versionInfo !== "");
  const step = advance(withType({ ...state, resumed }, kind, type), SOTW);
  return { ...step, notes: [...notes, ...step.notes] };
}

/** What makes a client ask for a type by name. */
const NAMED_BY: Readonly<Partial<Record<ResourceKind, readonly ResourceKind[]>>> = {
  endpoints: ["cluster"],
  route: ["listener"],
  secret: ["cluster", "listener"],
};

/**
 * True if something that this stream sent may be why the client asks. It may then have dropped what it held of the type
 * meanwhile, and still says the version that it had: the version alone is not believed.
 */
function isAskedAnew({ types }: SotwState, kind: ResourceKind): boolean {
  return (NAMED_BY[kind] ?? []).some((parent) => types[parent].waiting !== undefined || types[parent].lastNonce !== "");
}

function takeAnswer(
  kind: ResourceKind,
  type: SotwType,
  { responseNonce, errorDetail }: DiscoveryRequest,
): [SotwType, Note[]] {
  const { waiting } = type;
  if (waiting === undefined || waiting.nonce !== responseNonce) return [type, []];
  const [answered, notes] = settleAnswer(kind, type, waiting, { nonce: responseNonce, error: errorDetail?.message });
  return [{ ...answered, lastNonce: responseNonce }, notes];
}

// "*" asks for all. For clusters and listeners so does a list that was empty from the start (xDS protocol, "Wildcard
// Subscriptions"); a list that became empty asks for nothing.
function selectionFor(kind: ResourceKind, { subscribed, selection }: SotwType, asked: readonly string[]): Selection {
  const names = asked.filter((name) => name !== "*");
  const legacy = asked.length === 0 && startsAsWildcard(kind) && (!subscribed || selection.legacy);
  const next = selectionOf(legacy || names.length < asked.length, names);
  const same = subscribed && next.key === selection.key && legacy === selection.legacy;
  return same ? selection : { ...next, legacy };
}

function changeSubscription(type: SotwType, selection: Selection): SotwType {
  if (selection === type.selection) return type;
  const added = selection.wildcard
    ? !type.selection.wildcard
    : [...selection.names].some((name) => !covers(type.selection, name));
  // Fewer names need no response. What was sent of the others no longer counts as held.
  const sent = type.sent === undefined ? undefined : select(type.sent, selection);
  return { ...type, selection, sent, forced: type.forced || added };
}

function covers({ wildcard, names }: Selection, name: string): boolean {
  return wildcard || names.has(name);
}

function planSotw(type: SotwType, group: ResourceGroup, removals: boolean): Plan<SotwType> {
  const target = select(group, type.selection);
  if (type.sent === undefined && !type.forced && type.heldVersion === target.version) {
    return { type: { ...type, sent: target }, content: undefined, complete: true };
  }
  const wanted = removals || type.sent === undefined ? target : unionOf(type.sent, target);
  const complete = wanted === target;
  if (!type.forced && type.sent?.version === wanted.version)
    return { type: { ...type, sent: wanted }, content: undefined, complete };
  const changed =
    type.sent === undefined
      ? [...wanted.byName.keys()]
      : changedNames(type.sent, wanted).filter((name) => wanted.byName.has(name));
  const resources = [...wanted.byName.values()].filter(({ withheld }) => !withheld);
  const content: Content = { version: wanted.version, resources, removed: [], changed };
  return { type: { ...type, sent: wanted, forced: false }, content, complete };
}

// Sent as a whole, since the version that goes with a response covers the whole.
function owe(type: SotwType, names: readonly string[]): SotwType {
  const wanted = !type.subscribed ? names.length > 0 : names.some((name) => covers(type.selection, name));
  return wanted ? { ...type, forced: true } : type;
}

const WIRE = new WeakMap<Resource, Any>();

/** One Any for all streams that send the resource. */
function wireOf(kind: ResourceKind, resource: Resource): Any {
  const known = WIRE.get(resource);
  if (known !== undefined) return known;
  const made = create(AnySchema, { typeUrl: TYPE_URLS[kind], value: resource.body });
  WIRE.set(resource, made);
  return made;
}

function respond(kind: ResourceKind, { version, resources }: Content, nonce: string): DiscoveryResponse {
  return create(DiscoveryResponseSchema, {
    versionInfo: version,
    typeUrl: TYPE_URLS[kind],
    resources: resources.map((resource) => wireOf(kind, resource)),
    nonce,
  });
}

export const SOTW: Dialect<SotwType, DiscoveryResponse> = { plan: planSotw, owe, respond };
