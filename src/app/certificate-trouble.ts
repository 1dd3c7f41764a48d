/**
 * What is wrong with certificates and who signs them, for health: without names, since health is open to everybody. Who
 * is meant is in the log, the Events and the API.
 *
 * @module
 */
import type { ProviderState } from "../ca/provider-state.ts";
import { outageText } from "../ca/providers/choose.ts";
import type { Alarm, WatchReport } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import type { CertificateTrouble } from "../http/readiness.ts";
import type { IssuerEnds } from "./watched.ts";

const DAY: Millis = 24 * 3_600_000;
/** Before the root's end: enough time to rotate it by hand. */
const ROOT_WARNING: Millis = 30 * DAY;
/** cert-manager replaces an authority of its usual 90 days a month before its end, and that is no trouble. */
const INTERMEDIATE_WARNING: Millis = 14 * DAY;

export function issuerTrouble({ root, first }: IssuerEnds, now: Millis): readonly CertificateTrouble[] {
  const rootTrouble = endTrouble("the mesh's root certificate", { ends: root, warning: ROOT_WARNING, now });
  if (first >= root) return rootTrouble;
  const what = "an intermediate certificate between the mesh's root and its leaves";
  return [...rootTrouble, ...endTrouble(what, { ends: first, warning: INTERMEDIATE_WARNING, now })];
}

function endTrouble(
  what: string,
  { ends, warning, now }: { readonly ends: Millis; readonly warning: Millis; readonly now: Millis },
): readonly CertificateTrouble[] {
  if (ends - now > warning) return [];
  const day = new Date(ends).toISOString().slice(0, 10);
  return ends <= now
    ? [{ message: `${what} ended on ${day}`, fatal: true }]
    : [{ message: `${what} ends on ${day}`, fatal: false }];
}

/** Leaves in force stay in force, so it is no reason to send traffic elsewhere: other replicas ask the same provider. */
export function outageTrouble(providers: readonly ProviderState[], now: Millis): readonly CertificateTrouble[] {
  return providers.flatMap(({ name, outage }) =>
    outage === undefined ? [] : [{ message: outageText(name, outage.since, now), fatal: false }],
  );
}

/**
 * What this replica should have renewed and did not is its own failure. What a proxy has not taken is the proxy's: one
 * that hangs must not take the control plane away from all others. More than half of them is no accident, though.
 */
export function watchTrouble({ alarms, counts }: WatchReport): readonly CertificateTrouble[] {
  const skewed = alarms.filter(({ kind }) => kind === "skewed");
  const of = (...classes: readonly Alarm["certificate"]["class"][]) =>
    alarms.filter(({ kind, certificate }) => kind !== "skewed" && classes.includes(certificate.class));
  const own = of("service", "xds-server", "webhook-server");
  const held = of("proxy");
  const away = of("proxy-away");
  const connected = counts.get("proxy") ?? 0;
  return [
    ...told(own, `certificates not renewed in time: ${own.length}`, { fatal: own.some(isUrgent) }),
    ...told(held, `connected proxies without a new certificate in time: ${held.length} of ${connected}`, {
      fatal: held.filter(isUrgent).length * 2 > connected,
    }),
    ...told(away, `proxies not connected, with a certificate past its renewal: ${away.length}`),
    ...told(skewed, `certificates issued in the future, so that one of two clocks is wrong: ${skewed.length}`),
  ];
}

function isUrgent({ kind }: Alarm): boolean {
  return kind === "critical" || kind === "expired";
}

function told(
  alarms: readonly Alarm[],
  what: string,
  { fatal }: { readonly fatal: boolean } = { fatal: false },
): readonly CertificateTrouble[] {
  // The most urgent is the first.
  const [first] = alarms;
  if (first === undefined) return [];
  return [{ message: `${what}; the first ends at ${new Date(first.certificate.notAfter).toISOString()}`, fatal }];
}
