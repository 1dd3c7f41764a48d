/**
 * Samples in, what a spectator wants to know out. Pure: `render.ts` puts it into words.
 *
 * @module
 */

import type { Millis } from "../core/base/millis.ts";
import { compareText } from "../core/base/ref.ts";
import type { PodStatus } from "./ports.ts";
import { appOf, podKey, type Sample } from "./sample.ts";
import { describeSwitches, type Switches } from "./switches.ts";
import { byVersion, EMPTY_TALLY, sumTallies, type Tally, tallySince, type Versions } from "./tally.ts";

/** Does mutual TLS carry these calls? `idle`: nothing got through, so nothing was to be carried. */
export type Mtls = "yes" | "no" | "idle" | "unknown";

export interface CallRow {
  readonly from: string;
  readonly to: string;
  /** Calls a second since the sample before. */
  readonly rate: number;
  /** Since the last turn of a switch. */
  readonly tally: Tally;
  readonly mtls: Mtls;
}

export interface IdentityRow {
  readonly identity: string;
  readonly pod: string;
  readonly ready: boolean;
  /** Spans; undefined while it has no certificate. Negative `expiresIn`: it has expired. */
  readonly certificate: { readonly age: Millis; readonly expiresIn: Millis } | undefined;
  /** A new certificate came since the demo began. */
  readonly renewals: number;
}

export interface View {
  readonly running: Millis;
  readonly headline: string;
  readonly calls: readonly CallRow[];
  /** bookbuyer's served calls since the last turn of a switch. */
  readonly split: Versions;
  readonly identities: readonly IdentityRow[];
}

export interface ViewInput {
  readonly started: Millis;
  readonly switches: Switches;
  /** Taken when a switch was last turned. */
  readonly base: Sample;
  readonly previous: Sample;
  readonly current: Sample;
  /** Certificates seen so far, by pod. */
  readonly renewals: ReadonlyMap<string, number>;
}

export function buildView(input: ViewInput): View {
  const { started, switches, base, current, renewals } = input;
  const calls = current.pods.flatMap((pod) => callRows(input, pod)).sort(compareCalls);
  const buyers = current.pods.filter((pod) => appOf(pod) === "bookbuyer");
  return {
    running: current.at - started,
    headline: describeSwitches(switches),
    calls,
    split: byVersion(
      sumTallies(buyers.map((pod) => tallySince(tallyIn(base, pod, "bookstore"), tallyIn(current, pod, "bookstore")))),
    ),
    identities: current.pods.flatMap((pod) => identityRow(pod, current.at, renewals)).sort(compareIdentities),
  };
}

function tallyIn({ calls }: Sample, pod: PodStatus, to: string): Tally {
  return calls.get(podKey(pod))?.[to] ?? EMPTY_TALLY;
}

function callRows({ base, previous, current }: ViewInput, pod: PodStatus): CallRow[] {
  const seconds = (current.at - previous.at) / 1000;
  return Object.entries(current.calls.get(podKey(pod)) ?? {}).map(([to, now]) => {
    const tally = tallySince(tallyIn(base, pod, to), now);
    const fresh = tallySince(tallyIn(previous, pod, to), now);
    return {
      from: callerName(pod),
      to,
      rate: seconds > 0 ? fresh.requests / seconds : 0,
      tally,
      mtls: mtlsBetween(
        pod,
        current.pods.filter((one) => appOf(one) === to),
        tally,
      ),
    };
  });
}

function callerName(pod: PodStatus): string {
  const version = pod.labels["version"];
  return appOf(pod) === "bookstore" && version !== undefined ? `bookstore-${version}` : appOf(pod);
}

// Judged by what the serving sidecars themselves count, where that is known: a handshake that a server completed had
// both certificates checked.
function mtlsBetween(caller: PodStatus, callees: readonly PodStatus[], { ok }: Tally): Mtls {
  if (ok === 0) return "idle";
  const proxies = callees.map(({ proxy }) => proxy);
  if (caller.proxy === undefined || proxies.includes(undefined) || proxies.length === 0) return "no";
  const counts = proxies.map((proxy) => proxy?.handshakes);
  if (counts.every((count) => count === undefined)) return "unknown";
  return counts.some((count) => count !== undefined && count > 0) ? "yes" : "no";
}

function identityRow(pod: PodStatus, at: Millis, renewals: ReadonlyMap<string, number>): IdentityRow[] {
  if (pod.proxy === undefined) return [];
  const { identity, certificate } = pod.proxy;
  const spans = certificate && { age: at - certificate.notBefore, expiresIn: certificate.notAfter - at };
  return [{ identity, pod: pod.name, ready: pod.ready, certificate: spans, renewals: renewals.get(podKey(pod)) ?? 0 }];
}

function compareCalls(a: CallRow, b: CallRow): number {
  return compareText(a.from, b.from) || compareText(a.to, b.to);
}

function compareIdentities(a: IdentityRow, b: IdentityRow): number {
  return compareText(a.identity, b.identity) || compareText(a.pod, b.pod);
}
