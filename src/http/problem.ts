/**
 * Errors of the HTTP API as RFC 9457 has them: `application/problem+json`, the same few fields each time.
 *
 * @module
 */
import type { Context, Hono } from "hono";
import * as v from "valibot";

/** The status codes that this API answers with when it says no, and their names. */
export const PROBLEM_TITLES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

export type ProblemStatus = keyof typeof PROBLEM_TITLES;

export const Problem = v.pipe(
  v.object({
    type: v.pipe(v.string(), v.description("A URI of the kind of problem; about:blank where the status says it all.")),
    title: v.string(),
    status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
    detail: v.pipe(v.string(), v.description("What is wrong with this request, and the way out.")),
  }),
  v.description("RFC 9457"),
);
export type Problem = v.InferOutput<typeof Problem>;

export function problem(
  status: ProblemStatus,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body: Problem = { type: "about:blank", title: PROBLEM_TITLES[status], status, detail };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}

/**
 * Makes whatever goes wrong in `app` a problem.
 *
 * @param onError - Told of what a handler threw. The client is not.
 */
export function answerProblems(app: Hono, onError: (error: Error) => void): void {
  app.notFound((c: Context) => problem(404, `there is nothing at ${c.req.path}`));
  app.onError((error) => {
    onError(error);
    return problem(500, "the control plane could not answer: its log says why");
  });
}
