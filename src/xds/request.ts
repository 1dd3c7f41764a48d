/**
 * What a request may be: limits, and the reasons that end a stream.
 *
 * @module
 */
import type { ResourceKind } from "./resource.ts";

export interface Limits {
  /** Names that one subscription may hold. */
  readonly maxNames: number;
}

export type RefusalReason =
  | { readonly kind: "type-missing" }
  | {
      readonly kind: "too-many-names";
      readonly resource: ResourceKind;
      readonly names: number;
      readonly limit: number;
    };

/** Thrown by the step functions for a request that ends its stream; mapped to a code once, in `service.ts`. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason) {
    super(describe(reason));
    this.reason = reason;
  }
}

function describe(reason: RefusalReason): string {
  switch (reason.kind) {
    case "type-missing":
      return "the request has no type_url: name one of the resource types";
    case "too-many-names":
      return `the subscription to ${reason.resource} resources has ${reason.names} names, more than ${reason.limit}: subscribe to fewer`;
  }
}

/** @throws RequestRefused above the limit. */
export function checkNames(resource: ResourceKind, names: number, { maxNames }: Limits): void {
  if (names > maxNames) throw new RequestRefused({ kind: "too-many-names", resource, names, limit: maxNames });
}

/** For these two types a first request without names asks for all (xDS protocol, "Wildcard Subscriptions"). */
export function startsAsWildcard(kind: ResourceKind): boolean {
  return kind === "cluster" || kind === "listener";
}
