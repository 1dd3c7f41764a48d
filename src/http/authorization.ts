/**
 * Who may read the API. Everybody shows a bearer token; being on the same machine proves nothing (design 5).
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/** What a request wants. */
export interface Access {
  /** The method in lower case, as Kubernetes spells verbs of paths. HEAD tells no more than GET and counts as it. */
  readonly verb: string;
  /** The path that the request is routed by. */
  readonly path: string;
}

export type Decision =
  | { readonly kind: "allowed"; readonly user: string }
  /** The token proves nobody. */
  | { readonly kind: "unauthenticated" }
  /** It proves somebody who may not. `way` says what would help. */
  | { readonly kind: "forbidden"; readonly user: string; readonly way: string }
  /** Nobody could be asked: not now. */
  | { readonly kind: "unavailable"; readonly reason: string };

export interface Authorizer {
  /** Must not reject; what it throws all the same is taken as a no. */
  authorize(token: string, access: Access): Promise<Decision>;
}

/** RFC 6750, 2.1. No token of a service account or a person is near this length. */
const BEARER = /^Bearer ([A-Za-z0-9\-._~+/]{1,8192}=*)$/i;
const CHALLENGE = 'Bearer realm="osm"';
const RETRY_SECONDS = "5";

/** Lets a request through only if its token is allowed what it asks. */
export function requireToken(authorizer: Authorizer): MiddlewareHandler {
  return async (c, next) => {
    const header = c.req.header("authorization");
    if (header === undefined) {
      return problem(401, "send a token: Authorization: Bearer TOKEN", { "www-authenticate": CHALLENGE });
    }
    const [, token] = BEARER.exec(header) ?? [];
    const access = { verb: c.req.method === "HEAD" ? "get" : c.req.method.toLowerCase(), path: c.req.path };
    const decision = token === undefined ? UNAUTHENTICATED : await authorizer.authorize(token, access);
    if (decision.kind !== "allowed") return refuse(decision, access);
    c.set(USER, decision.user);
    await next();
    return undefined;
  };
}

/** Whose token the request came with; "" before `requireToken`. */
export function userOf(c: Context): string {
  const user: unknown = c.get(USER);
  return typeof user === "string" ? user : "";
}

const USER = "user";
const UNAUTHENTICATED: Decision = { kind: "unauthenticated" };

function refuse(decision: Exclude<Decision, { kind: "allowed" }>, { verb, path }: Access): Response {
  switch (decision.kind) {
    case "unauthenticated":
      return problem(401, "the token is not known, or has expired", {
        "www-authenticate": `${CHALLENGE}, error="invalid_token"`,
      });
    case "forbidden":
      return problem(403, `${decision.user} may not ${verb} ${path}: ${decision.way}`);
    case "unavailable":
      return problem(503, `the token could not be checked: ${decision.reason}`, { "retry-after": RETRY_SECONDS });
  }
}
