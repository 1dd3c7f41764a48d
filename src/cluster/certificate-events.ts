/**
 * Tells of certificates that are not renewed in time, by Events.
 *
 * @module
 */
import type { Alarm } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import type { Chore } from "./chores.ts";
import { type EventPlace, QUIET, writeEvent } from "./mesh-event.ts";

const REASONS = {
  skewed: "CertificateClockSkew",
  overdue: "CertificateRenewalOverdue",
  critical: "CertificateAboutToExpire",
  expired: "CertificateExpired",
} as const;
/** Of one look: the most urgent. */
const MOST = 10;

/** @param alarms - The most urgent first. */
export function certificateEvents(place: EventPlace, alarms: () => readonly Alarm[]): Chore {
  const said = new Map<string, Millis>();
  return {
    name: "certificate events",
    async run() {
      const at = place.now();
      for (const [key, before] of said) if (at - before >= QUIET || before > at) said.delete(key);
      for (const { kind, certificate, message } of alarms().slice(0, MOST)) {
        const key = `${kind} ${certificate.class} ${certificate.name}`;
        if (said.has(key)) continue;
        await writeEvent(place, { type: "Warning", reason: REASONS[kind], message });
        said.set(key, at);
      }
    },
  };
}
