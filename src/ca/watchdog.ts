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

/** In the order from root to leaf. */
export const CERTIFICATE_CLASSES = [
  "root",
  /** One between the root and the leaves, where it ends first. */
  "intermediate",
  "service",
  /** A service certificate as a connected proxy holds it. */
  "proxy",
  /** The same, of a proxy that runs and is connected to nobody. */
  "proxy-away",
  "xds-server",
  "webhook-server",
] as const;
export type CertificateClass = (typeof CERTIFICATE_CLASSES)[number];

/** A certificate in force. */
export interface Watched {
  readonly class: CertificateClass;
  /** Whose it is, for people. */
  readonly name: string;
  /** Epoch milliseconds. */
  readonly issuedAt: Millis;
  readonly notAfter: Millis;
}

export interface Alarm {
  /** `skewed`: it was issued in the future, so a clock is wrong. */
  readonly kind: "skewed" | "overdue" | "critical" | "expired";
  readonly certificate: Watched;
  readonly message: string;
}

export interface WatchReport {
  /** The one that ends first; undefined if there is none. */
  readonly first: Watched | undefined;
  /** Until the first of the class ends, below 0 after; a class without certificates is absent. */
  readonly left: ReadonlyMap<CertificateClass, Millis>;
  /** Of each class, those that are looked at. */
  readonly counts: ReadonlyMap<CertificateClass, number>;
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
  const counts = new Map<CertificateClass, number>();
  const alarms: Alarm[] = [];
  let first: Watched | undefined;
  let expired = 0;
  for (const certificate of certificates) {
    const remains = certificate.notAfter - now;
    left.set(certificate.class, Math.min(remains, left.get(certificate.class) ?? remains));
    counts.set(certificate.class, 1 + (counts.get(certificate.class) ?? 0));
    if (first === undefined || certificate.notAfter < first.notAfter) first = certificate;
    if (remains <= 0) expired += 1;
    const alarm = alarmOf(certificate, now);
    if (alarm !== undefined) alarms.push(alarm);
  }
  alarms.sort((a, b) => a.certificate.notAfter - b.certificate.notAfter);
  return { first, left, counts, expired, alarms };
}

function alarmOf(certificate: Watched, now: Millis): Alarm | undefined {
  const { class: kind, name, issuedAt, notAfter } = certificate;
  // They are not renewed by us: their end is told of long before, elsewhere.
  if (kind === "root" || kind === "intermediate") return undefined;
  const life = notAfter - issuedAt;
  const remains = notAfter - now;
  const what = `the certificate of ${name}`;
  if (remains <= 0) return { kind: "expired", certificate, message: `${what} ended at ${textOf(notAfter)}` };
  if (remains > life + MOST_SKEW) {
    const message = `${what} was issued at ${textOf(issuedAt)}, which is yet to come: one of two clocks is wrong`;
    return { kind: "skewed", certificate, message };
  }
  if (remains >= life * OVERDUE_PART) return undefined;
  const message = `${what} should have been renewed by now, and ends at ${textOf(notAfter)}`;
  return { kind: remains < life * CRITICAL_PART ? "critical" : "overdue", certificate, message };
}

function textOf(at: Millis): string {
  return new Date(at).toISOString();
}
