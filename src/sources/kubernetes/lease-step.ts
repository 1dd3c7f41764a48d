/**
 * Who leads, by one Lease: pure decisions.
 *
 * Clocks of different machines are never compared. A holder counts as gone once *we* saw its lease unchanged for the
 * duration that it promised.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { isRecord } from "../../core/model/fields.ts";

export interface LeaseRecord {
  /** "" where it was released. */
  readonly holder: string;
  readonly duration: Millis;
  /** As written; only whether it changed matters. */
  readonly renewTime: string;
  readonly acquireTime: string;
  readonly transitions: number;
}

export interface ObservedLease {
  readonly record: LeaseRecord;
  /** On our clock, when holder or renewal were first seen as they are. */
  readonly since: Millis;
}

/** What to do about a lease: write it as `spec` says, or look again after `delay`. */
export type LeaseStep =
  | { readonly kind: "write"; readonly spec: LeaseSpec }
  | { readonly kind: "wait"; readonly holder: string; readonly delay: Millis };

/** As the API spells it. */
export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

export interface LeaseMoment {
  readonly identity: string;
  /** That we promise; whole seconds. */
  readonly duration: Millis;
  /** A clock that does not jump, the one of `ObservedLease.since`. */
  readonly now: Millis;
  /** Epoch milliseconds, for readers. */
  readonly wallClock: Millis;
}

export function readLease(raw: unknown): LeaseRecord {
  const spec = isRecord(raw) && isRecord(raw["spec"]) ? raw["spec"] : {};
  const text = (name: string) => (typeof spec[name] === "string" ? spec[name] : "");
  const count = (name: string) => (typeof spec[name] === "number" ? spec[name] : 0);
  return {
    holder: text("holderIdentity"),
    duration: count("leaseDurationSeconds") * 1000,
    renewTime: text("renewTime"),
    acquireTime: text("acquireTime"),
    transitions: count("leaseTransitions"),
  };
}

/** A lease that did not change keeps the time at which it was first seen so. */
export function observeLease(before: ObservedLease | undefined, record: LeaseRecord, now: Millis): ObservedLease {
  const same = before?.record.holder === record.holder && before.record.renewTime === record.renewTime;
  return { record, since: same ? before.since : now };
}

/** @param observed - undefined where there is no lease yet. */
export function stepLease(observed: ObservedLease | undefined, moment: LeaseMoment): LeaseStep {
  if (observed === undefined) return { kind: "write", spec: claim(undefined, moment) };
  const { record, since } = observed;
  if (record.holder === moment.identity) {
    const acquireTime = record.acquireTime || microTime(moment.wallClock);
    const spec = { ...claim(record, moment), acquireTime, leaseTransitions: record.transitions };
    return { kind: "write", spec };
  }
  const left = since + record.duration - moment.now;
  if (record.holder === "" || left <= 0) return { kind: "write", spec: claim(record, moment) };
  return { kind: "wait", holder: record.holder, delay: left };
}

/** What a leader writes that goes: the next one need not wait. */
export function releaseLease(record: LeaseRecord, wallClock: Millis): LeaseSpec {
  const now = microTime(wallClock);
  return {
    holderIdentity: "",
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: record.transitions,
  };
}

function claim(before: LeaseRecord | undefined, { identity, duration, wallClock }: LeaseMoment): LeaseSpec {
  const now = microTime(wallClock);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: duration / 1000,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: before === undefined ? 0 : before.transitions + 1,
  };
}

/** Kubernetes' MicroTime has six digits, no more and no less. */
function microTime(at: Millis): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}
