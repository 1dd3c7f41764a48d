/**
 * What the API server said no with, or that it said nothing.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { isRecord } from "../../core/model/fields.ts";

export interface Refusal {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Of the `Status` object, such as `NotFound` or `Expired`; "" where there is none. */
  readonly reason: string;
  readonly detail: string;
  /** How long the server wants us to wait. */
  readonly retryAfter?: Millis;
}

/** A request that had no good answer. Names the request and what the server said; never a credential nor a body. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string;
  readonly retryAfter: Millis | undefined;

  constructor({ method, path, status, reason, detail, retryAfter }: Refusal, options?: ErrorOptions) {
    const what = status === 0 ? "no answer" : [status, reason].filter((part) => part !== "").join(" ");
    super(`${method} ${path}: ${what}: ${detail}`, options);
    this.method = method;
    this.path = path;
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/** Whether the API server answered with this HTTP status. */
export function hasStatus(cause: unknown, status: number): cause is KubernetesError {
  return cause instanceof KubernetesError && cause.status === status;
}

/** For `catch`: what is not there is undefined, or gone already. @throws every other cause. */
export function ignoreMissing(cause: unknown): undefined {
  if (!hasStatus(cause, 404)) throw cause;
}

/** Reads a `Status` object, of a failed request's body or of a watch's ERROR event. */
export function readStatus(raw: unknown): {
  readonly code: number;
  readonly reason: string;
  readonly detail: string;
  readonly retryAfter?: Millis;
} {
  const { code, reason, message, details } = isRecord(raw) ? raw : {};
  const seconds = isRecord(details) ? details["retryAfterSeconds"] : undefined;
  return {
    code: typeof code === "number" ? code : 0,
    reason: typeof reason === "string" ? reason : "",
    detail: typeof message === "string" && message !== "" ? message : "the server gave no reason",
    ...(typeof seconds === "number" && seconds > 0 ? { retryAfter: seconds * 1000 } : {}),
  };
}
