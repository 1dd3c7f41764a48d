/**
 * What both webhooks do around their decision: receive, keep to the time, answer, tell.
 *
 * @module
 */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { beforeAbort, deadline } from "../body.ts";
import type { AdmissionObservation, Observe } from "./observation.ts";
import { answerReview, type Review, readReview, timeLeft, type Verdict } from "./review.ts";

/** A verdict with what is to be told of it. */
export interface Decision {
  readonly verdict: Verdict;
  readonly kind: string;
  readonly outcome: AdmissionObservation["outcome"];
  readonly reason: string;
}

export interface Webhook {
  readonly name: AdmissionObservation["webhook"];
  readonly path: string;
  readonly observe: Observe;
  /** May throw, or take too long: both are answered. */
  decide(review: Review, signal: AbortSignal): Promise<Decision>;
}

/** Never answers later than the API server waits, and never with an error of the runtime's. */
export function webhookRoutes({ name, path, observe, decide }: Webhook): Hono {
  return new Hono().post(path, async (c) => {
    const start = performance.now();
    const tell = (told: Omit<AdmissionObservation, "webhook" | "took">) =>
      observe({ webhook: name, took: performance.now() - start, ...told });
    const { signal, clear } = deadline(timeLeft(c.req.query("timeout")));
    try {
      const received = await readReview(c.req.raw, signal);
      if (!received.ok) {
        const { status, reason } = received;
        tell({ kind: "unknown", outcome: "malformed", namespace: "", reason });
        return c.json({ error: reason }, status satisfies ContentfulStatusCode);
      }
      const { review } = received;
      const { verdict, kind, outcome, reason, cause } = await settled(decide, review, signal);
      tell({ kind, outcome, namespace: review.namespace, reason, ...(cause === undefined ? {} : { cause }) });
      return c.json(answerReview(review, verdict));
    } finally {
      clear();
    }
  });
}

async function settled(
  decide: Webhook["decide"],
  review: Review,
  signal: AbortSignal,
): Promise<Decision & { readonly cause?: unknown }> {
  try {
    return await beforeAbort(decide(review, signal), signal);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = signal.aborted ? 504 : 500;
    const verdict: Verdict = { allowed: false, code, message: `osm could not decide: ${reason}` };
    return { verdict, kind: "unknown", outcome: "failed", reason, cause };
  }
}
