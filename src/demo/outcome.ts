/**
 * What became of one call, and what that means in a mesh: served, denied by policy, or broken.
 *
 * @module
 */

/** Why there was no answer. `refused` and `reset` are how a mesh says no below HTTP. */
export type Silence = "refused" | "reset" | "timeout" | "unresolved" | "broken";

export type Outcome =
  | { readonly kind: "answer"; readonly status: number; readonly server: string; readonly identity: string }
  | { readonly kind: "silence"; readonly why: Silence; readonly detail: string };

export type Verdict = "ok" | "denied" | "failed";

/**
 * Tells a policy's refusal from a fault, as a client sees them (the outcomes that OSM documents).
 *
 * A caller without any TrafficTarget has no outbound listener: refused. One that may call something else has a
 * listener with no chain for this address: accepted, then reset. A route that is not allowed is Envoy's own 404, a
 * caller that is not allowed gets 403. All else that is not 2xx is a fault, timeouts and 503 included.
 *
 * @param denialStatus - One more status that counts as denied; 0 for none. OSM's demo sets it for bookthief.
 */
export function judge(outcome: Outcome, denialStatus = 0): Verdict {
  if (outcome.kind === "silence") return outcome.why === "refused" || outcome.why === "reset" ? "denied" : "failed";
  const { status, server } = outcome;
  if (status >= 200 && status < 300) return "ok";
  if (status === 403 || status === denialStatus || (status === 404 && server === "envoy")) return "denied";
  return "failed";
}

/** The name that counters give an outcome: the status, or why there was none. */
export function answerName(outcome: Outcome): string {
  return outcome.kind === "answer" ? String(outcome.status) : outcome.why;
}

const SILENCES: Readonly<Record<string, Silence>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  EAI_AGAIN: "unresolved",
  ENOTFOUND: "unresolved",
};

/** Reads the error of a socket or an HTTP request. Total: an unknown error is `broken`, with its text. */
export function toSilence(error: unknown): Outcome {
  if (!(error instanceof Error)) return { kind: "silence", why: "broken", detail: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return { kind: "silence", why: SILENCES[code] ?? "broken", detail: error.message };
}
