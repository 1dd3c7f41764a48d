/**
 * Tells of providers that issue nothing, by Events: when it began, that it lasts, and when it was over.
 *
 * Each replica tells of what it sees itself: one may reach a provider that another does not.
 *
 * @module
 */
import type { ProviderOutage, ProviderState } from "../ca/provider-state.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Chore } from "./chores.ts";
import { type EventPlace, QUIET, writeEvent } from "./mesh-event.ts";

interface Told {
  /** Epoch milliseconds of the outage's begin: another one is another outage. */
  readonly since: Millis;
  readonly saidAt: Millis;
}

/** One that began and ended between two looks is in the log alone. */
export function outageEvents(place: EventPlace, providers: () => readonly ProviderState[]): Chore {
  const told = new Map<string, Told>();

  async function tellOut(name: string, outage: ProviderOutage, at: Millis): Promise<void> {
    const before = told.get(name);
    const isNew = before?.since !== outage.since;
    // A clock that was set back must not silence it.
    if (!isNew && at - before.saidAt < QUIET && at >= before.saidAt) return;
    const message = isNew ? beganText(place.replica, name, outage) : lastsText(place.replica, name, outage);
    await writeEvent(place, { type: "Warning", reason: "CertificateProviderOut", message });
    told.set(name, { since: outage.since, saidAt: at });
  }

  async function tellOver(name: string, { since }: Told, at: Millis, state: ProviderState | undefined): Promise<void> {
    const message = overText({ replica: place.replica, name, lasted: Math.max(0, at - since), state });
    await writeEvent(place, { type: "Normal", reason: "CertificateProviderBack", message });
    told.delete(name);
  }

  return {
    name: "provider events",
    async run() {
      const at = place.now();
      const states = providers();
      for (const [name, before] of [...told]) {
        const state = states.find((one) => one.name === name);
        if (state?.outage === undefined) await tellOver(name, before, at, state);
      }
      for (const { name, outage } of states) if (outage !== undefined) await tellOut(name, outage, at);
    },
  };
}

function beganText(replica: string, name: string, { since, kind }: ProviderOutage): string {
  return `${replica} gets no certificates from the provider ${name} since ${textOf(since)} (${kind}): those in force stay so, renewals and new identities wait; the log of ${replica} says why`;
}

function lastsText(replica: string, name: string, { since, lasted, kind, failures }: ProviderOutage): string {
  return `${replica} still gets no certificates from the provider ${name}, for ${secondsOf(lasted)} s since ${textOf(since)}, ${failures} tries (${kind}); the log of ${replica} says why`;
}

function overText({
  replica,
  name,
  lasted,
  state,
}: {
  readonly replica: string;
  readonly name: string;
  readonly lasted: Millis;
  readonly state: ProviderState | undefined;
}): string {
  const length = `after ${secondsOf(lasted)} s without`;
  return state === undefined
    ? `${replica} does not use the provider ${name} any more, ${length}`
    : `${replica} gets certificates from the provider ${name} again, ${length}`;
}

function secondsOf(span: Millis): number {
  return Math.round(span / 1000);
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
