/**
 * Who signs for the mesh, and since when one of them does not: what may be shown to everybody who may look.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { Outage } from "./provider.ts";
import { ProviderUnavailable, type UnavailableKind } from "./providers/unavailable.ts";
import { type IssueRefusal, IssueRefused } from "./refusal.ts";

/** What the matter is, without a word of the provider's own. */
export type OutageKind = Exclude<UnavailableKind, "waiting"> | IssueRefusal["kind"] | "other";

export interface ProviderOutage {
  /** Epoch milliseconds of the first failure. */
  readonly since: Millis;
  readonly lasted: Millis;
  /** Of the last failure. */
  readonly kind: OutageKind;
  /** In a row. */
  readonly failures: number;
}

export interface ProviderState {
  /** Such as `builtin` or `vault`. */
  readonly name: string;
  /** New certificates of workloads come from it. */
  readonly signing: boolean;
  /** undefined while its last answer was a certificate. */
  readonly outage: ProviderOutage | undefined;
}

/** What is asked: `Authority`. */
export interface ProviderOwner {
  providerState(): { readonly provider: string; readonly outage: Outage | undefined };
}

/**
 * The providers in use, each name once: of two with one name the one that fails longer is told of.
 *
 * @param others - Who sign only for servers of the control plane.
 * @param now - Epoch milliseconds.
 */
export function providerStates(
  signing: ProviderOwner,
  others: readonly ProviderOwner[],
  now: Millis,
): readonly ProviderState[] {
  const states = new Map<string, ProviderState>();
  for (const owner of new Set([signing, ...others])) {
    const { provider: name, outage } = owner.providerState();
    const known = states.get(name);
    const told = outage && toTold(outage, now);
    const worse = [known?.outage, told].flatMap((one) => one ?? []).sort((a, b) => a.since - b.since)[0];
    states.set(name, { name, signing: owner === signing || known?.signing === true, outage: worse });
  }
  return [...states.values()];
}

function toTold({ since, failures, error }: Outage, now: Millis): ProviderOutage {
  return { since, lasted: Math.max(0, now - since), kind: kindOf(error), failures };
}

function kindOf(error: unknown): OutageKind {
  if (error instanceof IssueRefused) return error.reason.kind;
  // Nobody was asked, so it says nothing of why.
  if (error instanceof ProviderUnavailable && error.kind !== "waiting") return error.kind;
  return "other";
}
