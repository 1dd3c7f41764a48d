/**
 * What is wrong with the roots and who signs with them, for health.
 *
 * @module
 */
import { outageText } from "../ca/providers/choose.ts";
import type { WatchReport } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import type { CertificateTrouble } from "../http/readiness.ts";
import type { OpenRoots } from "../rotation/roots.ts";

/** Before the root's end: enough time to rotate it by hand. */
const ROOT_WARNING: Millis = 30 * 24 * 3_600_000;

export function rootTrouble(ends: Millis, now: Millis): readonly CertificateTrouble[] {
  const day = new Date(ends).toISOString().slice(0, 10);
  if (ends <= now) return [{ message: `the mesh's root certificate ended on ${day}`, fatal: true }];
  return ends - now > ROOT_WARNING ? [] : [{ message: `the mesh's root certificate ends on ${day}`, fatal: false }];
}

/** Leaves in force stay in force, so it is no reason to send traffic elsewhere: other replicas ask the same provider. */
export function outageTrouble(
  { signing, server }: Pick<OpenRoots, "signing" | "server">,
  now: Millis,
): readonly CertificateTrouble[] {
  return [...new Set([signing, server])].flatMap((authority) => {
    const { provider, outage } = authority.providerState();
    return outage === undefined ? [] : [{ message: outageText(provider, outage.since, now), fatal: false }];
  });
}

/** Without names: health is open to everybody. Who is meant is in the log, the Events and the API. */
export function watchTrouble({ alarms }: WatchReport): readonly CertificateTrouble[] {
  const [first] = alarms;
  if (first === undefined) return [];
  const ends = new Date(first.certificate.notAfter).toISOString();
  const many = alarms.length === 1 ? "a certificate is" : `${alarms.length} certificates are`;
  return [{ message: `${many} not renewed in time; the first ends at ${ends}`, fatal: first.kind !== "overdue" }];
}
