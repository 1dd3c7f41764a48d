/**
 * Watches that certificates are renewed in time, apart from whoever renews them: from what is in force and what proxies
 * hold, and the clock, alone.
 *
 * OSM's worst outages were leaves that silently were no longer renewed. The renewer replaces a leaf while a third of its
 * life is left; what has less than a quarter is overdue, and what has less than a tenth is about to fail requests.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export type CertificateClass = "root" | "service" | "proxy" | "xds-server" | "webhook-server";

/** A certificate in force. `proxy`: a service certificate as a proxy holds it. */
export interface Watched {
  readonly class: CertificateClass;
  /** Whose it is, for people. */
  readonly name: string;
  /** Epoch milliseconds. */
  readonly issuedAt: Millis;
  readonly notAfter: Millis;
}

export interface Alarm {
  readonly kind: "overdue" | "critical" | "expired";
  readonly certificate: Watched;
  readonly message: string;
}

export interface WatchReport {
  /** The one that ends first; undefined if there is none. */
  readonly first: Watched | undefined;
  /** Until the first of the class ends, below 0 after; a class without certificates is absent. */
  readonly left: ReadonlyMap<CertificateClass, Millis>;
  readonly expired: number;
  /** The most urgent first. */
  readonly alarms: readonly Alarm[];
}

const OVERDUE_PART = 1 / 4;
const CRITICAL_PART = 1 / 10;
/** Below a certificate's `notBefore` by more than this, one of two clocks is wrong. */
const MOST_SKEW: Millis = 60_000;

/** @param now - Epoch milliseconds. */
export function watch(certificates: Iterable<Watched>, now: Millis): WatchReport {
  const left = new Map<CertificateClass, Millis>();
  const alarms: Alarm[] = [];
  let first: Watched | undefined;
  let expired = 0;
  for (const certificate of certificates) {
    const remains = certificate.notAfter - now;
    left.set(certificate.class, Math.min(remains, left.get(certificate.class) ?? remains));
    if (first === undefined || certificate.notAfter < first.notAfter) first = certificate;
    if (remains <= 0) expired += 1;
    const alarm = alarmOf(certificate, now);
    if (alarm !== undefined) alarms.push(alarm);
  }
  alarms.sort((a, b) => a.certificate.notAfter - b.certificate.notAfter);
  return { first, left, expired, alarms };
}

function alarmOf(certificate: Watched, now: Millis): Alarm | undefined {
  const { class: kind, name, issuedAt, notAfter } = certificate;
  // Roots are not renewed by themselves: their end is told of long before, elsewhere.
  if (kind === "root") return undefined;
  const life = notAfter - issuedAt;
  const remains = notAfter - now;
  const what = `the certificate of ${name}`;
  if (remains <= 0) return { kind: "expired", certificate, message: `${what} ended at ${textOf(notAfter)}` };
  if (remains > life + MOST_SKEW) {
    const message = `${what} was issued at ${textOf(issuedAt)}, which is yet to come: one of two clocks is wrong`;
    return { kind: "overdue", certificate, message };
  }
  if (remains >= life * OVERDUE_PART) return undefined;
  const message = `${what} should have been renewed by now, and ends at ${textOf(notAfter)}`;
  return { kind: remains < life * CRITICAL_PART ? "critical" : "overdue", certificate, message };
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
