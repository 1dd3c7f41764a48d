/**
 * Whether this replica should get traffic, and what an operator should know although it should.
 *
 * Not ready means that another replica would do better. So what all replicas share, such as an API server that is
 * away, or a compile that throws, is a warning once there is a configuration to go on with: proxies keep it, and
 * taking all replicas out of their Service would only add refused webhooks and reconnects to the trouble.
 *
 * @module
 */
import { compareText } from "../core/base/ref.ts";
import type { SourceState } from "./source-state.ts";

export interface HealthReason {
  readonly code:
    | "not-synced"
    | "stopping"
    | "compile-failing"
    | "xds-not-listening"
    | "webhooks-not-listening"
    | "certificate-trouble"
    | "source-stale";
  /** For people. Holds no address and no text of others: health is open to everybody. */
  readonly message: string;
}

export interface HealthReport {
  /** Why it is not ready; empty if it is. */
  readonly reasons: readonly HealthReason[];
  readonly warnings: readonly HealthReason[];
}

export interface HealthState {
  /** It was asked to stop: others should take its place. */
  readonly stopping: boolean;
  /** All sources told what there was at the start. */
  readonly synced: boolean;
  /** Some compile of what they told succeeded. */
  readonly compiled: boolean;
  /** The last compile threw. */
  readonly failing: boolean;
  readonly xdsListening: boolean;
  /** undefined where this process serves no webhooks. */
  readonly webhooksListening?: boolean;
  /** Of the certificates that this process needs to serve: what cannot be had, or has ended. */
  readonly certificateTrouble: readonly CertificateTrouble[];
  readonly sources: readonly SourceState[];
}

export interface CertificateTrouble {
  /** Such as `the webhook server's certificate has expired`. */
  readonly message: string;
  /** It can serve nobody, or will not be believed. */
  readonly fatal: boolean;
}

export function judgeHealth(state: HealthState): HealthReport {
  const verdicts = [...startVerdicts(state), ...certificateVerdicts(state), ...staleVerdicts(state)];
  const pick = (blocking: boolean) =>
    verdicts.filter((one) => one.blocking === blocking).map(({ code, message }): HealthReason => ({ code, message }));
  return { reasons: pick(true), warnings: pick(false) };
}

interface Verdict extends HealthReason {
  readonly blocking: boolean;
}

function startVerdicts(state: HealthState): readonly Verdict[] {
  const { stopping, synced, compiled, failing, xdsListening, webhooksListening } = state;
  return [
    ...when(stopping, "stopping", "it was asked to stop", true),
    ...when(!synced || !(compiled || failing), "not-synced", "not everything was read yet", true),
    ...when(failing, "compile-failing", compiled ? KEPT : "nothing could be compiled: the log says why", !compiled),
    ...when(!xdsListening, "xds-not-listening", "no proxy can connect yet", true),
    ...when(webhooksListening === false, "webhooks-not-listening", "no admission webhook can be answered yet", true),
  ];
}

const KEPT = "the last compile failed, the one before it stays in force: the log says why";

function certificateVerdicts({ certificateTrouble }: HealthState): readonly Verdict[] {
  return certificateTrouble.flatMap(({ message, fatal }) => when(true, "certificate-trouble", message, fatal));
}

function staleVerdicts({ sources }: HealthState): readonly Verdict[] {
  const away = sources.filter(({ state }) => state === "away").map(({ kind }) => kind);
  const names = away.sort(compareText).join(", ");
  return when(away.length > 0, "source-stale", `what was read of these may be out of date: ${names}`, false);
}

function when(is: boolean, code: HealthReason["code"], message: string, blocking: boolean): readonly Verdict[] {
  return is ? [{ code, message, blocking }] : [];
}
