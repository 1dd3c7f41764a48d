/**
 * Tells the log when the cluster's objects stop to be told, and when they are told again.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { KindState, KindStatus } from "../sources/kubernetes/kind-status.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Kinds lose the API server one after the other: one line says it for all. */
const GATHER: Millis = 1000;

const MESSAGES: Readonly<Record<KindState, string>> = {
  listing: "objects are read from the start",
  watching: "objects are followed",
  absent: "the cluster does not have these kinds",
  away: "the API server does not answer well: what was read stays in force and may be out of date",
};

export interface FollowedSource {
  status(): readonly KindStatus[];
  onStatus(listener: () => void): () => void;
}

/** @returns Its end. */
export function logSource(
  source: FollowedSource,
  log: Pick<Logger, "info" | "error">,
  gather: Millis = GATHER,
): () => void {
  const told = new Map<string, KindState>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tell(): void {
    timer = undefined;
    const changed = source.status().filter(({ kind, state }) => told.get(kind) !== state);
    for (const [state, group] of Map.groupBy(changed, (one) => one.state)) {
      for (const { kind } of group) told.set(kind, state);
      const error = group.find((one) => one.error !== undefined)?.error;
      const fields = { kinds: group.map(({ kind }) => kind), ...(error !== undefined && { error }) };
      if (state === "away") log.error(MESSAGES[state], fields);
      else log.info(MESSAGES[state], fields);
    }
  }

  const forget = source.onStatus(() => {
    timer ??= setTimeout(tell, gather);
  });
  return () => {
    forget();
    clearTimeout(timer);
  };
}
